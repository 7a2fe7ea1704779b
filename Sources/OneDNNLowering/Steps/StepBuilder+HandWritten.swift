import CKernels
import TensorGraph
import Tensors

// MARK: Hand-written convolutions

extension StepBuilder {
  /// A convolution or a gradient of one by a hand-written kernel.
  mutating func handWritten(
    _ kernel: HandWrittenKernel, _ index: Int, _ convolution: Convolution
  ) throws(LoweringError) -> [Step] {
    switch kernel {
    case .data(let data, let isGradient):
      return try handWrittenData(data, isGradient: isGradient, index, convolution)
    case .inference(let inference):
      return try handWrittenInference(inference, index, convolution)
    case .weights(let weights): return try handWrittenWeights(weights, index, convolution)
    case .float32Winograd(let tile):
      return try convolution.result == .dw
        ? float32WinogradGradient(tile, index, convolution)
        : float32Winograd(tile, index, convolution)
    }
  }

  private mutating func handWrittenData(
    _ kernel: HandWrittenKernel.DataKernel, isGradient: Bool, _ index: Int,
    _ convolution: Convolution
  ) throws(LoweringError) -> [Step] {
    var steps: [Step] = []
    let packed = try packedWeights(
      convolution, for: kernel, isGradient: isGradient, isConstant: false, index, &steps)
    let (x, y) = (address(convolution.x), address(convolution.y))
    let (source, result) = isGradient ? (y, x) : (x, y)
    let (geometry, workspace) = (convolution.geometry, memory.workspaceAddress)
    steps += try step(index, kernel: kernel.rawValue) {
      switch kernel {
      case .winograd:
        unsafe ck_winograd(
          geometry, isGradient, source.base, packed.base, result.base, workspace.base)
      case .smallMaps:
        unsafe ck_small_convolution(geometry, isGradient, source.base, packed.base, result.base)
      case .fewChannels:
        unsafe ck_few_channels(
          geometry, source.base, packed.base, true, ck_epilogue(), result.base, workspace.base)
      case .matrixUnit:
        unsafe ck_amx_convolution(
          geometry, isGradient, source.base, packed.base, result.base, workspace.base)
      }
    }
    return steps
  }

  /// A convolution with bias. Unlike oneDNN's kernels, ours add a residual wherever it is.
  private mutating func handWrittenInference(
    _ kernel: HandWrittenKernel.InferenceKernel, _ index: Int, _ convolution: Convolution
  ) throws(LoweringError) -> [Step] {
    let packing: HandWrittenKernel.DataKernel =
      switch kernel {
      case .winograd: .winograd
      case .fewChannels: .fewChannels
      }
    var steps: [Step] = []
    let packed = try packedWeights(
      convolution, for: packing, isGradient: false, isConstant: true, index, &steps)
    let epilogue = unsafe epilogue(of: index)
    let (x, y) = (address(convolution.x), address(convolution.y))
    let (geometry, workspace) = (convolution.geometry, memory.workspaceAddress)
    steps += try step(index, kernel: kernel.rawValue) {
      switch kernel {
      case .winograd:
        unsafe ck_winograd_channels_last(
          geometry, x.base, packed.base, epilogue, y.base, workspace.base)
      case .fewChannels:
        unsafe ck_few_channels(
          geometry, x.base, packed.base, false, epilogue, y.base, workspace.base)
      }
    }
    return steps
  }

  private func handWrittenWeights(
    _ kernel: HandWrittenKernel.WeightKernel, _ index: Int, _ convolution: Convolution
  ) throws(LoweringError) -> [Step] {
    let (x, dy) = (address(convolution.x), address(convolution.y))
    let dw = floats(convolution.w)
    let (geometry, workspace) = (convolution.geometry, memory.workspaceAddress)
    return try step(index, kernel: kernel.rawValue) {
      switch kernel {
      case .winograd:
        unsafe ck_winograd_gradient(geometry, x.base, dy.base, dw.floats, workspace.base)
      case .pointwise:
        unsafe ck_pointwise_gradient(geometry, x.base, dy.base, dw.floats, workspace.base)
      case .smallMaps:
        unsafe ck_small_weight_gradient(geometry, x.base, dy.base, dw.floats, workspace.base)
      case .fewChannels:
        unsafe ck_few_channels_gradient(geometry, x.base, dy.base, dw.floats, workspace.base)
      case .matrixUnit:
        unsafe ck_amx_weight_gradient(geometry, x.base, dy.base, dw.floats, workspace.base)
      }
    }
  }

  /// Weights packed for a kernel. They are packed at their first use in a run, or before the runs if only the host changes
  /// them.
  private mutating func packedWeights(
    _ convolution: Convolution, for kernel: HandWrittenKernel.DataKernel, isGradient: Bool,
    isConstant: Bool, _ index: Int, _ steps: inout [Step]
  ) throws(LoweringError) -> Address {
    let geometry = convolution.geometry
    let byteCount =
      switch kernel {
      case .winograd: Int(ck_winograd_filter_bytes(geometry))
      case .smallMaps: Int(ck_packed_weights_bytes(geometry))
      case .fewChannels: Int(ck_few_channels_filter_bytes(geometry))
      case .matrixUnit: Int(ck_amx_weights_bytes(geometry))
      }
    return try packedWeights(
      convolution, as: .packed(kernel, isGradient: isGradient, stride: convolution.stride),
      by: kernel.rawValue, byteCount: byteCount, isConstant: isConstant, index, &steps
    ) { w, packed in
      switch kernel {
      case .winograd: unsafe ck_pack_winograd(geometry, isGradient, w.floats, packed.base)
      case .smallMaps:
        unsafe ck_pack_weights(
          geometry, isGradient, w.floats, ck_order_of_small_convolution, packed.base)
      case .fewChannels: unsafe ck_pack_few_channels(geometry, w.floats, packed.base)
      case .matrixUnit: unsafe ck_pack_amx(geometry, isGradient, w.floats, packed.base)
      }
    }
  }

  /// Weights packed by `pack(weights, packed)`.
  mutating func packedWeights(
    _ convolution: Convolution, as form: Copy.Form, by kernel: String, byteCount: Int,
    isConstant: Bool, _ index: Int, _ steps: inout [Step],
    pack: @escaping (Address, Address) -> Void
  ) throws(LoweringError) -> Address {
    let weights = aliases.root(convolution.w)
    let description = ProgramStep(
      name: "reorder", kernel: kernel, node: index, shape: graph.shape(of: weights),
      byteCount: try layouts.description(of: weights).byteCount + byteCount,
      multiplicationCount: 0)
    let w = floats(weights)
    return try copy(
      Copy(value: weights, form: form), byteCount: byteCount, isConstant: isConstant, to: &steps
    ) { (_, packed) throws(LoweringError) in
      Step(description: description) { () throws(LoweringError) in pack(w, packed) }
    }
  }
}
