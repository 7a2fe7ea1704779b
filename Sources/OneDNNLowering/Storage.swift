import CKernels
import COneDNN
import TensorGraph
import Tensors

/// How one value's elements are stored.
enum Storage: Equatable {
  /// Row-major float32 in the logical shape.
  case plain
  /// An activation `[N,C,H,W]` as `[N,H,W,C]`.
  case channelsLast(ck_type)
  /// An activation `[N,C,H,W]` in blocks of 16 channels: `[N,C/16,H,W,16]`.
  case blocked(ck_type)
  /// In a kernel's own layout.
  case kernel(MemoryDescription)

  func description(of shape: Shape) throws(LoweringError) -> MemoryDescription {
    switch self {
    case .plain:
      try MemoryDescription(shape, dnnl_f32, Storage.rowMajor(rank: shape.rank))
    case .channelsLast(let type): try MemoryDescription(shape, type.oneDNN, dnnl_nhwc)
    case .blocked(let type): try MemoryDescription(shape, type.oneDNN, dnnl_nChw16c)
    case .kernel(let description): description
    }
  }

  /// The layout of an activation for our own kernels: a row is a pixel, or a row of a matrix.
  func rows(of shape: Shape) -> ck_layout {
    let channels = Int64(shape[1])
    guard shape.rank == 4 else {
      return ck_layout(
        rows: Int64(shape[0]), channels: channels, pixels: 1, blocked: false, type: ck_float32)
    }
    let pixels = Int64(shape[2] * shape[3])
    let rows = Int64(shape[0]) * pixels
    switch self {
    case .channelsLast(let type):
      return ck_layout(rows: rows, channels: channels, pixels: pixels, blocked: false, type: type)
    case .blocked(let type):
      return ck_layout(rows: rows, channels: channels, pixels: pixels, blocked: true, type: type)
    case .plain, .kernel:
      preconditionFailure("An activation of shape \(shape) is stored for a kernel of oneDNN only.")
    }
  }

  /// The type of the elements.
  var type: ck_type {
    switch self {
    case .plain, .kernel: ck_float32
    case .channelsLast(let type), .blocked(let type): type
    }
  }

  private static func rowMajor(rank: Int) -> dnnl_format_tag_t {
    switch rank {
    case 0, 1: dnnl_a
    case 2: dnnl_ab
    case 3: dnnl_abc
    default: dnnl_abcd
    }
  }
}

extension ck_type {
  /// The same type in oneDNN's words.
  var oneDNN: dnnl_data_type_t { self == ck_float32 ? dnnl_f32 : dnnl_bf16 }
}
