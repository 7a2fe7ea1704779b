public import Tensors

/// A named array of a checkpoint: float32, 64-bit integers or bytes, row-major.
public struct CheckpointArray: Sendable, Hashable {
  /// The elements.
  public enum Values: Sendable, Hashable {
    /// `F32`
    case float32([Float])
    /// `I64`
    case int64([Int64])
    /// `U8`
    case uint8([UInt8])
  }

  /// The name, such as `layer1.0.conv1.weight`.
  public var name: String
  /// The shape; `[]` for one number.
  public var shape: Shape
  /// `shape.elementCount` elements, row-major.
  public var values: Values

  /// A named array; `values` must hold exactly `shape.elementCount` elements.
  public init(name: String, shape: Shape, values: Values) {
    precondition(
      values.count == shape.elementCount,
      "\(name): \(values.count) values for shape \(shape) of \(shape.elementCount) elements.")
    self.name = name
    self.shape = shape
    self.values = values
  }

  /// A float32 tensor as an array.
  public init(_ tensor: NamedTensor) {
    self.init(name: tensor.name, shape: tensor.shape, values: .float32(tensor.values))
  }

  /// The float32 tensor, if it is one.
  public var tensor: NamedTensor? {
    guard case .float32(let floats) = values else { return nil }
    return NamedTensor(name: name, shape: shape, values: floats)
  }
}

extension CheckpointArray.Values {
  /// The number of elements.
  public var count: Int {
    switch self {
    case .float32(let values): values.count
    case .int64(let values): values.count
    case .uint8(let values): values.count
    }
  }

  /// The name of the element type in a safetensors header.
  var elementType: ElementType {
    switch self {
    case .float32: .float32
    case .int64: .int64
    case .uint8: .uint8
    }
  }
}

/// The element types that are read and written.
enum ElementType: String {
  case float32 = "F32"
  case int64 = "I64"
  case uint8 = "U8"

  var byteCount: Int {
    switch self {
    case .float32: 4
    case .int64: 8
    case .uint8: 1
    }
  }
}
