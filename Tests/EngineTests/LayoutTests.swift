import CKernels
import TensorGraph
import Tensors
import Testing

@testable import OneDNNLowering

/// The first stage of the fast lowering: which values share a layout, what they are for, and how they are stored.
@Suite struct LayoutTests {
  @Test func `elementwise operations and assignments put values into one class`() {
    let recorder = Recorder()
    let x = recorder.input("x", [2, 16, 4, 4])
    let w = recorder.variable("w", [16, 16, 3, 3])
    let y = x.convolved(with: w, stride: 1, padding: 1)
    let z = (y + x).relu()
    let next = w * 0.5
    recorder.output("z", z)
    recorder.assign(next, to: w)
    let classes = LayoutClasses(recorder.graph)
    let (ofX, ofW) = (classes.representative(x.value), classes.representative(w.value))
    #expect(classes.representative(y.value) == ofX)
    #expect(classes.representative(z.value) == ofX)
    #expect(classes.representative(next.value) == ofW)
    #expect(ofX != ofW)
  }

  @Test func `an operand of another shape is in another class`() {
    let recorder = Recorder()
    let (old, new) = (recorder.variable("old", [3, 5]), recorder.input("new", [3, 5]))
    let tau = recorder.input("tau", [])
    let moved = old.interpolated(toward: new, tau: tau)
    let classes = LayoutClasses(recorder.graph)
    #expect(classes.representative(moved.value) == classes.representative(old.value))
    #expect(classes.representative(new.value) == classes.representative(old.value))
    #expect(classes.representative(tau.value) != classes.representative(old.value))
  }

  /// x → convolution w → ReLU → mean of each map → product with p; w and p are variables.
  private struct Network {
    let recorder = Recorder()
    let x, w, y, means, p, product: Tensor

    init(channels: Int = 32, side: Int = 8) {
      x = recorder.input("x", [2, channels, side, side])
      w = recorder.variable("w", [channels, channels, 3, 3])
      y = x.convolved(with: w, stride: 1, padding: 1).relu()
      means = y.globalAveragePooled()
      p = recorder.variable("p", [channels, 5])
      product = means.multiplied(by: p)
      recorder.output("y", y)
      recorder.output("product", product)
      recorder.assign(w * 0.5, to: w)
    }
  }

  @Test func `roles follow from the graph, and element types from roles`() {
    let network = Network()
    let graph = network.recorder.graph
    let roles = Roles(graph, LayoutClasses(graph), graph.readers)
    let expected: [(Tensor, Role, Precision)] = [
      (network.x, .picture, .bfloat16), (network.w, .parameter, .float32),
      (network.y, .featureMap, .bfloat16), (network.means, .matrix, .float32),
      (network.p, .parameter, .float32), (network.product, .matrix, .float32),
    ]
    for (tensor, role, type) in expected {
      #expect(roles.role(of: tensor.value) == role, "\(tensor.value)")
      #expect(role.elementType(activations: .bfloat16) == type, "\(role)")
      #expect(role.elementType(activations: .float32) == .float32, "\(role)")
    }
  }

  @Test func `an input that more than convolutions read is no picture`() {
    let recorder = Recorder()
    let x = recorder.input("x", [2, 16, 4, 4])
    let w = recorder.variable("w", [16, 16, 3, 3])
    recorder.output("y", x.convolved(with: w, stride: 1, padding: 1) + x)
    let roles = Roles(recorder.graph, LayoutClasses(recorder.graph), recorder.graph.readers)
    #expect(roles.role(of: x.value) == .featureMap)
  }

  @Test(arguments: [
    (true, 32, Storage.blocked(ck_float32)), (true, 24, Storage.channelsLast(ck_float32)),
    (false, 32, Storage.channelsLast(ck_float32)),
  ])
  func `feature maps are blocked with AVX-512 where channels divide by 16, else NHWC`(
    _ hasAVX512: Bool, _ channels: Int, _ storage: Storage
  ) throws {
    let network = Network(channels: channels)
    let layouts = try layouts(of: network, hasAVX512: hasAVX512)
    #expect(layouts.storage(of: network.y.value) == storage)
    #expect(layouts.storage(of: network.product.value) == .rowMajor(ck_float32))
    #expect(layouts.kernels.count == 1)
  }

  @Test(
    .enabled(
      if: OneDNNLowering.bestPrecision == .bfloat16, "this processor does not multiply bfloat16"),
    arguments: [(false, "winograd"), (true, "AMX")])
  func `a hand-written kernel fixes the layout of its weights`(
    hasAMX: Bool, kernel: String
  ) throws {
    let recorder = Recorder()
    let x = recorder.input("x", [2, 3, 8, 8])
    let first = recorder.variable("first", [32, 3, 1, 1])
    let w = recorder.variable("w", [32, 32, 3, 3])
    let y = x.convolved(with: first, stride: 1, padding: 0)
      .convolved(with: w, stride: 1, padding: 1)
    recorder.output("y", y)
    let graph = recorder.graph
    let layouts = try Layouts(
      graph, readers: graph.readers, precision: .bfloat16, engine: Engine(),
      processor: .init(hasAVX512: true, multipliesBFloat16: true, hasAMX: hasAMX))
    #expect(layouts.storage(of: y.value) == .blocked(ck_bfloat16))
    guard case .kernel(let weights) = layouts.storage(of: w.value) else {
      Issue.record("\(layouts)")
      return
    }
    #expect(weights.type == ck_float32)
    #expect(weights.byteCount == 32 * 32 * 9 * 4)
    #expect(layouts.description.contains("%\(y.value.node) by \(kernel)"), "\(layouts)")
    #expect(layouts.description.contains("%\(y.value.node): feature map, nChw16c bfloat16"))
  }

  @Test(arguments: [(ck_avx2.rawValue, true), (ck_any_processor.rawValue, false)])
  func `in float32 the update of a processor with AVX2 is filtered, of a lesser one not`(
    _ family: UInt32, _ isFiltered: Bool
  ) async {
    await #expect(processExitsWith: .success) { [family, isFiltered] in
      ck_limit_processor(ck_processor(rawValue: family))
      let recorder = Recorder()
      let x = recorder.input("x", [2, 3, 8, 8])
      let first = recorder.variable("first", [16, 3, 1, 1])
      let w = recorder.variable("w", [16, 16, 3, 3])
      let y = x.convolved(with: first, stride: 1, padding: 0)
        .convolved(with: w, stride: 1, padding: 1).relu()
      let gradients = (y * y).mean().gradients(of: [first, w])
      for (name, gradient) in zip(["dfirst", "dw"], gradients) {
        recorder.output(name, gradient)
      }
      let graph = recorder.graph
      let layouts = try Layouts(
        graph, readers: graph.readers, precision: .float32, engine: Engine())
      #expect(layouts.storage(of: y.value) == .channelsLast(ck_float32))
      // y, dx and dw of the second convolution.
      let count = layouts.description.split(separator: "\n")
        .count { $0.hasSuffix("by winograd 2×2") }
      #expect(count == (isFiltered && WinogradTests.isThere ? 3 : 0), "\(layouts)")
    }
  }

  private func layouts(of network: Network, hasAVX512: Bool) throws -> Layouts {
    let graph = network.recorder.graph
    return try Layouts(
      graph, readers: graph.readers, precision: .float32, engine: Engine(),
      processor: .init(hasAVX512: hasAVX512, multipliesBFloat16: false))
  }
}

/// The choice between hand-written kernels and oneDNN's, from the geometry alone.
@Suite struct KernelChoiceTests {
  struct Example: Sendable, CustomTestStringConvertible {
    var size: Int64
    var stride: Int64
    var channels: (input: Int64, output: Int64)
    var side: Int64
    var y, dx, dw: String?
    var testDescription: String {
      "\(size)×\(size), stride \(stride), \(channels) channels, \(side)×\(side)"
    }
  }

  @Test(arguments: [
    Example(
      size: 3, stride: 1, channels: (64, 64), side: 32, y: "winograd", dx: "winograd",
      dw: "winograd"),
    Example(  // Sums of outer products outgrow what a thread keeps.
      size: 3, stride: 1, channels: (512, 512), side: 4, y: "winograd", dx: "winograd",
      dw: "small maps"),
    Example(  // Most taps fall on the padding.
      size: 3, stride: 1, channels: (512, 512), side: 2, y: "small maps", dx: "small maps",
      dw: "small maps"),
    Example(
      size: 3, stride: 2, channels: (64, 128), side: 32, y: "winograd", dx: "winograd",
      dw: "small maps"),
    Example(  // Tiles overlap the border of an odd map.
      size: 3, stride: 2, channels: (64, 128), side: 14, y: "small maps", dx: "small maps",
      dw: "small maps"),
    Example(
      size: 3, stride: 2, channels: (64, 128), side: 112, y: "winograd", dx: "winograd", dw: nil),
    Example(
      size: 1, stride: 1, channels: (64, 256), side: 56, y: nil, dx: nil, dw: "pointwise"),
    Example(
      size: 1, stride: 1, channels: (64, 256), side: 8, y: "small maps", dx: "small maps",
      dw: "small maps"),
    Example(
      size: 7, stride: 2, channels: (3, 64), side: 64, y: "few channels", dx: nil,
      dw: "few channels"),
    Example(size: 3, stride: 1, channels: (3, 64), side: 32, y: nil, dx: nil, dw: nil),
    Example(size: 3, stride: 1, channels: (48, 64), side: 32, y: nil, dx: nil, dw: nil),
    Example(size: 9, stride: 1, channels: (64, 64), side: 8, y: nil, dx: nil, dw: nil),
  ])
  func `each geometry has its kernels`(_ example: Example) {
    let padding = example.size / 2
    let output = (example.side + 2 * padding - example.size) / example.stride + 1
    let geometry = ck_convolution(
      images: 8, in_channels: example.channels.input, out_channels: example.channels.output,
      height: example.side, width: example.side, out_height: output, out_width: output,
      size: example.size, stride: example.stride, padding: padding)
    func name(_ result: Convolution.Result) -> String? {
      HandWrittenKernel(computing: result, geometry, ck_bfloat16)?.name
    }
    #expect(name(.y) == example.y)
    #expect(name(.dx) == example.dx)
    #expect(name(.dw) == example.dw)
    // With a bias, those that have an epilogue.
    #expect(name(.yWithBias) == (example.y == "small maps" ? nil : example.y))
  }

  @Test(
    arguments: [
      (3, 1, 8, 64, "AMX", nil), (3, 1, 32, 64, "AMX", "AMX"), (3, 2, 32, 16, "AMX", "AMX"),
      (1, 2, 32, 48, "AMX", "AMX"), (9, 1, 32, 64, nil, nil), (3, 1, 32, 24, nil, nil),
    ] as [(Int64, Int64, Int64, Int64, String?, String?)])
  func `with a matrix unit products tap by tap are chosen, not filtering`(
    size: Int64, stride: Int64, images: Int64, channels: Int64, data: String?, weights: String?
  ) {
    let side = (16 + 2 * (size / 2) - size) / stride + 1
    let geometry = ck_convolution(
      images: images, in_channels: channels, out_channels: channels, height: 16, width: 16,
      out_height: side, out_width: side, size: size, stride: stride, padding: size / 2)
    func name(_ result: Convolution.Result) -> String? {
      HandWrittenKernel(computing: result, geometry, ck_bfloat16, hasAMX: true)?.name
    }
    #expect(name(.y) == data && name(.dx) == data)
    #expect(weights.map { name(.dw) == $0 } ?? (name(.dw) != "AMX"))
    #expect(name(.yWithBias) != "AMX")
  }

  /// Three fifths of the multiplications or fewer, the border's tiles included.
  @Test(
    arguments: [
      (3, 1, 1, 16, 16, 32, 32, "winograd 2×2"), (3, 1, 1, 16, 16, 6, 6, "winograd 2×2"),
      (3, 1, 1, 512, 512, 4, 4, "winograd 2×2"), (3, 1, 1, 512, 512, 2, 2, "winograd 2×2"),
      (3, 1, 1, 512, 512, 7, 7, "winograd 2×2"), (3, 1, 1, 64, 64, 3, 3, nil),
      (3, 1, 1, 16, 16, 1, 1, nil), (3, 1, 1, 16, 16, 5, 5, nil), (3, 2, 1, 64, 128, 16, 16, nil),
      (3, 1, 0, 64, 64, 16, 16, nil), (3, 1, 1, 3, 64, 32, 32, nil),
      (3, 1, 1, 24, 16, 32, 32, nil), (1, 1, 0, 64, 64, 16, 16, nil),
      (5, 1, 1, 64, 64, 16, 16, nil),
    ] as [(Int64, Int64, Int64, Int64, Int64, Int64, Int64, String?)])
  func `in float32 filtering is chosen where it saves multiplications`(
    size: Int64, stride: Int64, padding: Int64, from: Int64, to: Int64, height: Int64,
    width: Int64, name: String?
  ) {
    let geometry = ck_convolution(
      images: 8, in_channels: from, out_channels: to, height: height, width: width,
      out_height: (height + 2 * padding - size) / stride + 1,
      out_width: (width + 2 * padding - size) / stride + 1, size: size, stride: stride,
      padding: padding)
    for result in [Convolution.Result.y, .dx, .dw, .yWithBias] {
      #expect(HandWrittenKernel(computing: result, geometry, ck_float32)?.name == name)
    }
  }
}
