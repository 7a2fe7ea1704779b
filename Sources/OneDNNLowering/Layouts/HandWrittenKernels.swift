import CKernels
import TensorGraph
import Tensors

/// The hand-written kernel that computes a convolution or a gradient of one in place of oneDNN.
enum HandWrittenKernel: Hashable {
  /// y, or dx if `isGradient`.
  case data(DataKernel, isGradient: Bool)
  /// y with a bias, in NHWC.
  case inference(InferenceKernel)
  /// dw.
  case weights(WeightKernel)
  /// In float32: y, dx or dw by Winograd's filtering with tiles of so many outputs in each dimension.
  case float32Winograd(tile: Int32)

  /// The kernels of a convolution and of the gradient of its input.
  enum DataKernel: String {
    case winograd
    case smallMaps = "small maps"
    case fewChannels = "few channels"
  }
  /// The kernels of a convolution with bias.
  enum InferenceKernel: String {
    case winograd
    case fewChannels = "few channels"
  }
  /// The kernels of the gradient of the weights.
  enum WeightKernel: String {
    case winograd, pointwise
    case smallMaps = "small maps"
    case fewChannels = "few channels"
  }

  /// The name in plans and profiles.
  var name: String {
    switch self {
    case .data(let kernel, _): kernel.rawValue
    case .inference(let kernel): kernel.rawValue
    case .weights(let kernel): kernel.rawValue
    case .float32Winograd(let tile): "winograd \(tile)×\(tile)"
    }
  }

  /// Bytes of workspace that a run needs to compute a convolution's `result`.
  func workspaceByteCount(
    _ result: Convolution.Result, _ geometry: ck_convolution, threads: ThreadBudget
  ) -> Int {
    let threads = Int32(threads.count)
    return switch self {
    case .data(.winograd, _), .inference(.winograd): Int(ck_winograd_bytes(geometry, threads))
    case .data(.smallMaps, _): 0
    case .data(.fewChannels, _), .inference(.fewChannels):
      Int(ck_few_channels_bytes(geometry, threads))
    case .weights(.winograd): Int(ck_winograd_gradient_bytes(geometry, threads))
    case .weights(.pointwise): Int(ck_pointwise_gradient_bytes(geometry, threads))
    case .weights(.smallMaps): Int(ck_small_weight_gradient_bytes(geometry))
    case .weights(.fewChannels): Int(ck_few_channels_gradient_bytes(geometry, threads))
    case .float32Winograd(let tile):
      result == .dw
        ? Int(ck_winograd_gradient_float32_bytes(geometry, tile, threads))
        : Int(ck_winograd_float32_bytes(geometry, tile, threads))
    }
  }

  /// Whether x is in NHWC whatever the layout of y.
  var readsPictures: Bool {
    switch self {
    case .data(.fewChannels, _), .inference(.fewChannels), .weights(.fewChannels): true
    case .data(.winograd, _), .data(.smallMaps, _), .inference(.winograd), .weights(.winograd),
      .weights(.pointwise), .weights(.smallMaps), .float32Winograd:
      false
    }
  }
}

// MARK: The choice

extension HandWrittenKernel {
  /// Up to where a hand-written kernel is faster than oneDNN's, or than another one, as measured on two cores of a Zen 5.
  enum Threshold {
    /// Pixels of an output feature map for which products tap by tap pay: for y and dx, for dw, for dw with a stride.
    static let smallMap = (data: 64 as Int64, weights: 256 as Int64, strided: 784 as Int64)
    /// Elements of the sums of outer products that each thread keeps, where products tap by tap are an alternative.
    static let outerSums: Int64 = 1 << 20
    /// Kernel sizes and channels for which rows of windows are multiplied. A 3×3 kernel would gain a thousandth of an
    /// update and lose exactness.
    static let fewChannels = (sizes: 5...7 as ClosedRange<Int64>, most: 15 as Int64)
    /// The largest kernel that products tap by tap have room for.
    static let largestSize: Int64 = 7
  }

  /// The hand-written kernel that is faster than oneDNN's for a convolution in a type, or nil if oneDNN's is. A pure
  /// function of type and geometry; whether the layouts suit the kernel and the processor has it are other questions.
  init?(computing result: Convolution.Result, _ c: ck_convolution, _ type: ck_type) {
    guard type == ck_bfloat16 else {
      let tile = ck_winograd_tile(c, type)
      guard tile > 0 else { return nil }
      self = .float32Winograd(tile: tile)
      return
    }
    let kernel: HandWrittenKernel? =
      switch result {
      case .y: HandWrittenKernel.data(c, isGradient: false).map { .data($0, isGradient: false) }
      case .dx: HandWrittenKernel.data(c, isGradient: true).map { .data($0, isGradient: true) }
      case .yWithBias: HandWrittenKernel.inference(c).map { .inference($0) }
      case .dw: HandWrittenKernel.weights(c).map { .weights($0) }
      }
    guard let kernel else { return nil }
    self = kernel
  }

  private static func data(_ c: ck_convolution, isGradient: Bool) -> DataKernel? {
    if !isGradient, hasFewChannels(c) { return .fewChannels }
    if savesByWinograd(c) { return .winograd }
    let isSmall = c.size <= Threshold.largestSize && c.outputPixels <= Threshold.smallMap.data
    return isSmall ? .smallMaps : nil
  }

  private static func inference(_ c: ck_convolution) -> InferenceKernel? {
    if hasFewChannels(c) { return .fewChannels }
    return savesByWinograd(c) ? .winograd : nil
  }

  private static func weights(_ c: ck_convolution) -> WeightKernel? {
    if hasFewChannels(c) { return .fewChannels }
    let small = c.stride == 1 ? Threshold.smallMap.weights : Threshold.smallMap.strided
    let isSmall = c.size <= Threshold.largestSize && c.outputPixels <= small
    let sums = 16 * c.in_channels * c.out_channels
    if c.stride == 1, savesByWinograd(c), !isSmall || sums <= Threshold.outerSums {
      return .winograd
    }
    if c.size == 1, c.padding == 0, c.outputPixels > Threshold.smallMap.data { return .pointwise }
    return isSmall ? .smallMaps : nil
  }

  private static func hasFewChannels(_ c: ck_convolution) -> Bool {
    Threshold.fewChannels.sizes.contains(c.size) && c.in_channels <= Threshold.fewChannels.most
      && c.out_channels % 32 == 0
  }

  private static func savesByWinograd(_ c: ck_convolution) -> Bool {
    ck_winograd_tile(c, ck_bfloat16) > 0
  }
}
