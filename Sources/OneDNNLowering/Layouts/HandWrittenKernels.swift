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
    case matrixUnit = "AMX"
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
    case matrixUnit = "AMX"
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
    case .data(.matrixUnit, _): Int(ck_amx_bytes(geometry, threads))
    case .weights(.winograd): Int(ck_winograd_gradient_bytes(geometry, threads))
    case .weights(.pointwise): Int(ck_pointwise_gradient_bytes(geometry, threads))
    case .weights(.smallMaps): Int(ck_small_weight_gradient_bytes(geometry))
    case .weights(.fewChannels): Int(ck_few_channels_gradient_bytes(geometry, threads))
    case .weights(.matrixUnit): Int(ck_amx_weight_gradient_bytes(geometry, threads))
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
    case .data(.winograd, _), .data(.smallMaps, _), .data(.matrixUnit, _), .inference(.winograd),
      .weights(.winograd), .weights(.pointwise), .weights(.smallMaps), .weights(.matrixUnit),
      .float32Winograd:
      false
    }
  }
}

// MARK: The choice

extension HandWrittenKernel {
  /// The hand-written kernel that is expected to be faster than oneDNN's for a convolution in a type, or nil if oneDNN's is. A
  /// pure function of type, geometry and whether there is a matrix unit (AMX); whether the layouts suit the kernel and the
  /// processor has it are other questions.
  init?(
    computing result: Convolution.Result, _ c: ck_convolution, _ type: ck_type, hasAMX: Bool = false
  ) {
    guard type == ck_bfloat16 else {
      let tile = ck_winograd_tile(c, type)
      guard tile > 0 else { return nil }
      self = .float32Winograd(tile: tile)
      return
    }
    let kernel: HandWrittenKernel? =
      switch result {
      case .y:
        DataKernel(ck_bfloat16_kernel(c, ck_result_y, hasAMX)).map { .data($0, isGradient: false) }
      case .dx:
        DataKernel(ck_bfloat16_kernel(c, ck_result_dx, hasAMX)).map { .data($0, isGradient: true) }
      case .yWithBias:

        InferenceKernel(ck_bfloat16_kernel(c, ck_result_y_with_bias, hasAMX)).map { .inference($0) }
      case .dw: WeightKernel(ck_bfloat16_kernel(c, ck_result_dw, hasAMX)).map { .weights($0) }
      }
    guard let kernel else { return nil }
    self = kernel
  }
}

extension HandWrittenKernel.DataKernel {
  fileprivate init?(_ kernel: ck_kernel) {
    switch kernel {
    case ck_kernel_winograd: self = .winograd
    case ck_kernel_small_maps: self = .smallMaps
    case ck_kernel_few_channels: self = .fewChannels
    case ck_kernel_amx: self = .matrixUnit
    default: return nil
    }
  }
}

extension HandWrittenKernel.InferenceKernel {
  fileprivate init?(_ kernel: ck_kernel) {
    switch kernel {
    case ck_kernel_winograd: self = .winograd
    case ck_kernel_few_channels: self = .fewChannels
    default: return nil
    }
  }
}

extension HandWrittenKernel.WeightKernel {
  fileprivate init?(_ kernel: ck_kernel) {
    switch kernel {
    case ck_kernel_winograd: self = .winograd
    case ck_kernel_pointwise: self = .pointwise
    case ck_kernel_small_maps: self = .smallMaps
    case ck_kernel_few_channels: self = .fewChannels
    case ck_kernel_amx: self = .matrixUnit
    default: return nil
    }
  }
}
