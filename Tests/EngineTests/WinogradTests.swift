import CKernels
import Randomness
import Testing

/// The convolutions in float32 by Winograd's filtering, against their naive twins: at the C level, since the lowering would
/// not choose them for some of these shapes.
@Suite struct WinogradTests {
  /// A stride-1 convolution between `channels.from` and `channels.to` channels.
  struct Example: Sendable, Codable, CustomTestStringConvertible {
    var images: Int64
    var from: Int64
    var to: Int64
    var height: Int64
    var width: Int64

    init(_ images: Int64, _ from: Int64, _ to: Int64, _ height: Int64, _ width: Int64) {
      (self.images, self.from, self.to) = (images, from, to)
      (self.height, self.width) = (height, width)
    }

    var geometry: ck_convolution {
      ck_convolution(
        images: images, in_channels: from, out_channels: to, height: height, width: width,
        out_height: height, out_width: width, size: 3, stride: 1, padding: 1)
    }
    var testDescription: String {
      "\(images) pictures of \(height)×\(width), \(from) to \(to) channels"
    }
  }

  static let examples = [
    Example(1, 16, 16, 1, 1), Example(3, 16, 48, 1, 1), Example(1, 16, 16, 2, 2),
    Example(5, 32, 16, 3, 3), Example(2, 48, 80, 7, 5), Example(1, 64, 64, 1, 9),
    Example(3, 16, 32, 9, 1), Example(2, 32, 32, 8, 8), Example(1, 112, 16, 4, 6),
    Example(7, 16, 16, 13, 11), Example(2, 256, 176, 4, 4), Example(40, 16, 16, 5, 6),
  ]

  @Test(.enabled(if: isThere, "this processor has no kernels of float32"), arguments: examples)
  func `the kernels agree with their naive twins`(_ example: Example) {
    for error in Comparison(example).errors() {
      #expect(error.value <= Comparison.tolerance, "\(error.name): \(error.value)")
    }
  }

  @Test(.enabled(if: isThere, "this processor has no kernels of float32"))
  func `on a processor with AVX2 alone too`() async {
    await #expect(processExitsWith: .success) {
      ck_limit_processor(ck_avx2)
      for example in WinogradTests.examples {
        for error in Comparison(example).errors() {
          #expect(error.value <= Comparison.tolerance, "\(example): \(error.name): \(error.value)")
        }
      }
    }
  }

  /// The sums of many channels' and many tiles' products, of which a team computes one chunk after the other.
  @Test(.enabled(if: isThere, "this processor has no kernels of float32"))
  func `a gradient of weights in several chunks agrees`() {
    for example in [Example(130, 16, 4096, 1, 1), Example(200, 16, 32, 9, 9)] {
      for error in Comparison(example, isGradientOnly: true).errors() {
        #expect(error.value <= Comparison.tolerance, "\(example): \(error.name): \(error.value)")
      }
    }
  }

  /// The negative control: one weight, or one gradient, of hundreds that is wrong by a hundredth.
  @Test(.enabled(if: isThere, "this processor has no kernels of float32"))
  func `the comparison notices one wrong operand`() {
    let errors = Comparison(Example(2, 32, 16, 7, 5), isWrong: true).errors()
    #expect(errors.count > 10)
    for error in errors {
      #expect(error.value > Comparison.tolerance, "\(error.name): \(error.value)")
    }
  }

  @Test func `without AVX2 there is no kernel, and with it for some geometries`() async {
    await #expect(processExitsWith: .success) {
      ck_limit_processor(ck_any_processor)
      #expect(!ck_has_winograd(Example(1, 16, 16, 8, 8).geometry, ck_float32))
      #expect(!ck_has_winograd(Example(1, 32, 32, 8, 8).geometry, ck_bfloat16))
    }
    #expect(!ck_has_winograd(Example(1, 16, 24, 8, 8).geometry, ck_float32))
    var strided = Example(1, 16, 16, 8, 8).geometry
    strided.stride = 2
    #expect(!ck_has_winograd(strided, ck_float32))
    #expect(ck_has_winograd(Example(1, 16, 16, 1, 1).geometry, ck_float32) == WinogradTests.isThere)
  }

  static var isThere: Bool { ck_has_winograd(Example(1, 16, 16, 8, 8).geometry, ck_float32) }
}

/// Runs a kernel and its twin on the same random operands.
private struct Comparison {
  /// The squared error over the square of the result. F(4×4) errs by 10⁻¹¹ at most on the largest shape of a ResNet.
  static let tolerance = 1e-11

  let example: WinogradTests.Example
  let x, dy, w, bias, residual: [Float]
  let isWrong, isGradientOnly: Bool

  /// With `isWrong`, the twin is given other operands than the kernel.
  init(_ example: WinogradTests.Example, isWrong: Bool = false, isGradientOnly: Bool = false) {
    self.example = example
    self.isWrong = isWrong
    self.isGradientOnly = isGradientOnly
    var stream = RandomStream(seed: 5, purpose: .evaluation)
    func random(_ count: Int64) -> [Float] {
      (0..<count).map { _ in stream.uniform(in: -1...1) }
    }
    let pixels = example.images * example.height * example.width
    x = random(pixels * example.from)
    dy = random(pixels * example.to)
    w = random(9 * example.from * example.to)
    bias = random(example.to)
    residual = random(pixels * example.to)
  }

  /// The errors of every result, for both tiles, both layouts and several numbers of threads.
  func errors() -> [(name: String, value: Double)] {
    var errors: [(String, Double)] = []
    for isBlocked in [false, true] {
      let expected = results { naive($0, isBlocked) }
      for tile: Int32 in [2, 4] {
        for threads: Int32 in [1, 2, 3] {
          ck_set_threads(threads)
          let found = results { fast($0, isBlocked, tile, threads) }
          for (kind, values) in found {
            let layout = isBlocked ? "blocked" : "NHWC"
            errors.append(
              (
                "\(kind), tile \(tile), \(layout), \(threads) threads",
                normalizedError(values, expected[kind] ?? [])
              ))
          }
        }
      }
    }
    return errors
  }

  private enum Kind: String, CaseIterable {
    case y, yWithEpilogue, dx, dw
  }

  private func results(_ compute: (Kind) -> [Float]) -> [Kind: [Float]] {
    let kinds = isGradientOnly ? [.dw] : Kind.allCases
    return Dictionary(uniqueKeysWithValues: kinds.map { ($0, compute($0)) })
  }

  private func count(_ kind: Kind) -> Int {
    switch kind {
    case .y, .yWithEpilogue: dy.count
    case .dx: x.count
    case .dw: w.count
    }
  }

  /// A copy with one wrong element for the twin, if it is to differ.
  private func forTwin(_ values: [Float]) -> [Float] {
    guard isWrong else { return values }
    var values = values
    values[values.count / 2] += 0.01
    return values
  }

  private func naive(_ kind: Kind, _ isBlocked: Bool) -> [Float] {
    let (w, dy, c) = (forTwin(w), forTwin(dy), example.geometry)
    return unsafe filled(count(kind)) { result in
      switch kind {
      case .y: unsafe ck_naive_convolution(c, false, isBlocked, x, w, ck_epilogue(), result)
      case .dx: unsafe ck_naive_convolution(c, true, isBlocked, dy, w, ck_epilogue(), result)
      case .dw: unsafe ck_naive_weight_gradient(c, isBlocked, x, dy, result)
      case .yWithEpilogue:
        unsafe withEpilogue { unsafe ck_naive_convolution(c, false, isBlocked, x, w, $0, result) }
      }
    }
  }

  private func fast(_ kind: Kind, _ isBlocked: Bool, _ tile: Int32, _ threads: Int32) -> [Float] {
    let c = example.geometry
    if kind == .dw {
      let byteCount = ck_winograd_gradient_float32_bytes(c, tile, threads)
      return unsafe withMemory(byteCount) { workspace in
        unsafe filled(count(kind)) {
          unsafe ck_winograd_gradient_float32(c, tile, isBlocked, x, dy, $0, workspace)
        }
      }
    }
    let isGradient = kind == .dx
    let source = isGradient ? dy : x
    return unsafe withMemory(ck_winograd_float32_filter_bytes(c, tile)) { packed in
      unsafe withMemory(ck_winograd_float32_bytes(c, tile, threads)) { workspace in
        unsafe ck_pack_winograd_float32(c, tile, isGradient, w, packed)
        return unsafe filled(count(kind)) { result in
          guard kind == .yWithEpilogue else {
            unsafe ck_winograd_float32(
              c, tile, isGradient, isBlocked, source, packed, ck_epilogue(), result, workspace)
            return
          }
          unsafe withEpilogue {
            unsafe ck_winograd_float32(
              c, tile, false, isBlocked, source, packed, $0, result, workspace)
          }
        }
      }
    }
  }

  private func withEpilogue(_ body: (ck_epilogue) -> Void) {
    unsafe bias.withUnsafeBufferPointer { bias in
      unsafe residual.withUnsafeBufferPointer { residual in
        unsafe body(
          ck_epilogue(
            bias: bias.baseAddress, residual: UnsafeRawPointer(residual.baseAddress), relu: true))
      }
    }
  }

  /// An array that `fill` writes. Before, it is full of NaN, so that what is not written is noticed.
  private func filled(_ count: Int, _ fill: (UnsafeMutablePointer<Float>) -> Void) -> [Float] {
    var values = [Float](repeating: .nan, count: count)
    unsafe values.withUnsafeMutableBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return }
      unsafe fill(start)
    }
    return values
  }

  /// Memory at a multiple of 64 bytes, full of NaN.
  private func withMemory<Result>(
    _ byteCount: Int64, _ body: (UnsafeMutablePointer<Float>) -> Result
  ) -> Result {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: Int(byteCount), alignment: 64)
    defer { unsafe memory.deallocate() }
    let floats = unsafe memory.bindMemory(to: Float.self, capacity: Int(byteCount) / 4)
    unsafe floats.initialize(repeating: .nan, count: Int(byteCount) / 4)
    return unsafe body(floats)
  }
}
