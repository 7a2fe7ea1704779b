import CKernels
import OneDNNLowering
import ReferenceLowering
import TensorGraph
import Tensors
import Testing

/// What happens on processors that this one is not: each test limits the processor of a process of its own.
@Suite struct ProcessorTests {
  /// The kernels that compute or pack in bfloat16.
  enum Kernel: String, Codable, CaseIterable, Sendable {
    case packWeights = "ck_pack_weights"
    case smallConvolution = "ck_small_convolution"
    case smallWeightGradient = "ck_small_weight_gradient"
    case packWinograd = "ck_pack_winograd"
    case winograd = "ck_winograd"
    case winogradChannelsLast = "ck_winograd_channels_last"
    case winogradGradient = "ck_winograd_gradient"
    case pointwiseGradient = "ck_pointwise_gradient"
    case packFewChannels = "ck_pack_few_channels"
    case fewChannels = "ck_few_channels"
    case fewChannelsGradient = "ck_few_channels_gradient"
    case packAMX = "ck_pack_amx"
    case amx = "ck_amx_convolution"
    case amxWeightGradient = "ck_amx_weight_gradient"

    /// What a processor has to have for it.
    var needed: String {
      switch self {
      case .packAMX, .amx, .amxWeightGradient: "AMX"
      default: "bfloat16 (AVX-512 or NEON)"
      }
    }

    /// Calls the kernel for a convolution of no pictures, with some memory for each of its operands.
    func call() {
      let none = ck_convolution()
      var memory = [Float](repeating: 0, count: 1 << 10)
      unsafe memory.withUnsafeMutableBufferPointer {
        guard let m = $0.baseAddress else { return }
        switch self {
        case .packWeights: unsafe ck_pack_weights(none, false, m, ck_order_of_onednn, m)
        case .smallConvolution: unsafe ck_small_convolution(none, false, m, m, m)
        case .smallWeightGradient: unsafe ck_small_weight_gradient(none, m, m, m, m)
        case .packWinograd: unsafe ck_pack_winograd(none, false, m, m)
        case .winograd: unsafe ck_winograd(none, false, m, m, m, m)
        case .winogradChannelsLast:
          unsafe ck_winograd_channels_last(none, m, m, ck_epilogue(), m, m)
        case .winogradGradient: unsafe ck_winograd_gradient(none, m, m, m, m)
        case .pointwiseGradient: unsafe ck_pointwise_gradient(none, m, m, m, m)
        case .packFewChannels: unsafe ck_pack_few_channels(none, m, m)
        case .fewChannels: unsafe ck_few_channels(none, m, m, true, ck_epilogue(), m, m)
        case .fewChannelsGradient: unsafe ck_few_channels_gradient(none, m, m, m, m)
        case .packAMX: unsafe ck_pack_amx(none, false, m, m)
        case .amx: unsafe ck_amx_convolution(none, false, m, m, m, m)
        case .amxWeightGradient: unsafe ck_amx_weight_gradient(none, m, m, m, m)
        }
      }
    }
  }

  @Test(arguments: Kernel.allCases)
  func `a kernel that the processor lacks ends the process and names itself`(
    _ kernel: Kernel
  ) async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { [kernel] in
      ck_limit_processor(ck_avx512)
      kernel.call()
    }
    let message = result.map { String(decoding: $0.standardErrorContent, as: UTF8.self) } ?? ""
    // The message, not the exit alone: a convolution of no pictures may fail in other ways too.
    let expected = "\(kernel.rawValue) needs a processor with \(kernel.needed); this one is "
    #expect(message.contains(expected), "\(message)")
  }

  /// The kernels that compute or pack in float32.
  enum Float32Kernel: String, Codable, CaseIterable, Sendable {
    case pack = "ck_pack_winograd_float32"
    case convolution = "ck_winograd_float32"
    case weightGradient = "ck_winograd_gradient_float32"

    /// Calls the kernel for a convolution of no pictures.
    func call(stride: Int64) {
      var c = ck_convolution()
      (c.in_channels, c.out_channels, c.size, c.stride, c.padding) = (16, 16, 3, stride, 1)
      var memory = [Float](repeating: 0, count: 1 << 14)
      unsafe memory.withUnsafeMutableBufferPointer {
        guard let m = $0.baseAddress else { return }
        switch self {
        case .pack: unsafe ck_pack_winograd_float32(c, 4, false, m, m)
        case .convolution:
          unsafe ck_winograd_float32(c, 4, false, true, m, m, ck_epilogue(), m, m)
        case .weightGradient: unsafe ck_winograd_gradient_float32(c, 4, true, m, m, m, m)
        }
      }
    }
  }

  @Test(arguments: Float32Kernel.allCases)
  func `a kernel of float32 that the processor lacks ends the process and names itself`(
    _ kernel: Float32Kernel
  ) async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { [kernel] in
      ck_limit_processor(ck_any_processor)
      kernel.call(stride: 1)
    }
    let message = result.map { String(decoding: $0.standardErrorContent, as: UTF8.self) } ?? ""
    let expected = "\(kernel.rawValue) needs a processor with AVX2 and FMA; this one is "
    #expect(message.contains(expected), "\(message)")
  }

  @Test(
    .enabled(if: WinogradTests.isThere, "this processor has no kernels of float32"),
    arguments: Float32Kernel.allCases)
  func `a kernel of float32 ends the process for a convolution that it does not compute`(
    _ kernel: Float32Kernel
  ) async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { [kernel] in kernel.call(stride: 2) }
    let message = result.map { String(decoding: $0.standardErrorContent, as: UTF8.self) } ?? ""
    #expect(message.contains("\(kernel.rawValue) computes no convolution of"), "\(message)")
  }

  @Test func `with the loops of AVX2 alone float32 agrees with the reference`() async {
    await #expect(processExitsWith: .success) {
      ck_limit_processor(ck_avx2)
      #expect(ck_processor_family().rawValue <= ck_avx2.rawValue)
      try compareCases()
    }
  }

  @Test func `with the loops of any processor float32 agrees with the reference`() async {
    await #expect(processExitsWith: .success) {
      ck_limit_processor(ck_any_processor)
      #expect(ck_processor_family().rawValue == ck_any_processor.rawValue)
      try compareCases()
    }
  }

  @Test func `bfloat16 is refused on a processor that is limited to less`() async {
    await #expect(processExitsWith: .success) {
      ck_limit_processor(ck_avx512)
      let lowering = OneDNNLowering(threads: ThreadBudget(1), precision: .bfloat16)
      #expect(throws: LoweringError.self) { try lowering.compile(Case.all[0].graph()) }
    }
  }
}

/// Compares the cases of the table with the reference, in this process.
private func compareCases() throws {
  for example in Case.all {
    let graph = example.graph()
    let (fast, slow) = (
      try OneDNNLowering(threads: ThreadBudget(2)).compile(graph),
      try ReferenceLowering().compile(graph)
    )
    for program in [fast, slow] {
      for (name, value) in example.values() { program.write(value, to: name) }
      let weight = example.weight(of: graph)
      if !weight.isEmpty { program.write(weight, to: "weight of y") }
      try program.run()
    }
    for output in graph.outputs {
      let error = normalizedError(fast.read(output.name), slow.read(output.name))
      #expect(error <= 1e-10, "\(example): \(output.name)")
    }
  }
}
