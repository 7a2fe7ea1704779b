import CKernels
import COneDNN
import TensorGraph
import Tensors

extension Precision {
  /// The type of elements in this format.
  var elementType: ck_type {
    switch self {
    case .float32: ck_float32
    case .bfloat16: ck_bfloat16
    }
  }
}

/// How one value's elements are stored: their order and their type.
enum Storage: Equatable {
  /// In the order of the logical shape, the last axis innermost.
  case rowMajor(ck_type)
  /// A feature map `[N,C,H,W]` as `[N,H,W,C]` (NHWC).
  case channelsLast(ck_type)
  /// A feature map `[N,C,H,W]` in blocks of 16 channels: `[N,C/16,H,W,16]` (nChw16c).
  case blocked(ck_type)
  /// In a oneDNN kernel's own layout.
  case kernel(MemoryDescription)

  func description(of shape: Shape) throws(LoweringError) -> MemoryDescription {
    switch self {
    case .rowMajor(let type):
      try MemoryDescription(shape, type.oneDNN, Storage.rowMajorTag(rank: shape.rank))
    case .channelsLast(let type): try MemoryDescription(shape, type.oneDNN, dnnl_nhwc)
    case .blocked(let type): try MemoryDescription(shape, type.oneDNN, dnnl_nChw16c)
    case .kernel(let description): description
    }
  }

  /// The value as rows of channels for the loops of CKernels: a row is a pixel of a feature map, or a row of a matrix.
  func rows(of shape: Shape) -> ck_layout {
    let channels = Int64(shape[1])
    let pixels = Int64(shape.dimensions.dropFirst(2).reduce(1, *))
    let rows = Int64(shape[0]) * pixels
    switch self {
    case .rowMajor(let type) where shape.rank == 2:
      return ck_layout(rows: rows, channels: channels, pixels: 1, blocked: false, type: type)
    case .channelsLast(let type):
      return ck_layout(rows: rows, channels: channels, pixels: pixels, blocked: false, type: type)
    case .blocked(let type):
      return ck_layout(rows: rows, channels: channels, pixels: pixels, blocked: true, type: type)
    case .rowMajor, .kernel:
      preconditionFailure("\(shape) as \(self) does not consist of rows of channels.")
    }
  }

  /// The type of the elements.
  var type: ck_type {
    switch self {
    case .rowMajor(let type), .channelsLast(let type), .blocked(let type): type
    case .kernel(let description): description.type
    }
  }

  private static func rowMajorTag(rank: Int) -> dnnl_format_tag_t {
    switch rank {
    case 0, 1: dnnl_a
    case 2: dnnl_ab
    case 3: dnnl_abc
    default: dnnl_abcd
    }
  }
}

extension Storage: CustomStringConvertible {
  var description: String {
    switch self {
    case .rowMajor(let type): "row-major \(type.name)"
    case .channelsLast(let type): "NHWC \(type.name)"
    case .blocked(let type): "nChw16c \(type.name)"
    case .kernel(let description): "a kernel's layout, \(description.byteCount) bytes"
    }
  }
}

extension ck_type {
  /// The same type in oneDNN's words.
  var oneDNN: dnnl_data_type_t { self == ck_float32 ? dnnl_f32 : dnnl_bf16 }

  /// The bytes of an element.
  var byteCount: Int { self == ck_float32 ? 4 : 2 }

  var name: String { self == ck_float32 ? "float32" : "bfloat16" }
}
