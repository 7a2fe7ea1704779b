public import Durability
import Tensors

/// An ONNX file: a graph with what is said of it.
///
/// Its messages are those of `onnx.proto` (github.com/onnx/onnx), of which only what an encoder needs is written. The same
/// contents give the same bytes.
public struct ONNXModel: Sendable {
  /// The longest file in bytes: readers of Protocol Buffers refuse longer messages.
  public static let largestByteCount = 2_147_483_647
  /// The version of the format: that of ONNX 1.12, of 2022.
  static let formatVersion = 8
  /// The version of the operators.
  static let operatorVersion = 17
  /// Who writes it.
  static let producer = "byol"

  private let message: ProtobufMessage

  /// A file's contents.
  ///
  /// - Parameters:
  ///   - graph: What is computed.
  ///   - documentation: What the model is, for people.
  ///   - metadata: Strings by name.
  ///   - limit: The most bytes that the file may have.
  /// - Throws: `ONNXError.tooLarge`.
  public init(
    _ graph: ONNXGraph, documentation: String, metadata: [String: String],
    limit: Int = ONNXModel.largestByteCount
  ) throws(ONNXError) {
    var message = ProtobufMessage()
    message.append(Field.Model.formatVersion, Self.formatVersion)
    message.append(Field.Model.producer, Self.producer)
    message.append(Field.Model.documentation, documentation)
    message.append(Field.Model.graph, graph.message)
    var operators = ProtobufMessage()
    operators.append(Field.OperatorSet.domain, "")
    operators.append(Field.OperatorSet.version, Self.operatorVersion)
    message.append(Field.Model.operators, operators)
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      var entry = ProtobufMessage()
      entry.append(Field.Entry.key, key)
      entry.append(Field.Entry.value, value)
      message.append(Field.Model.metadata, entry)
    }
    guard message.byteCount <= limit else {
      throw .tooLarge(byteCount: message.byteCount, limit: limit)
    }
    self.message = message
  }

  /// Length of the file in bytes.
  public var byteCount: Int { message.byteCount }

  /// Writes the file so that a reader sees the old one or this, never a part; durable on return.
  ///
  /// - Throws: `FileSystemError`; the old file is untouched then, unless only the last flush failed.
  public func write(
    to path: String, fileSystem: any FileSystem = DiskFileSystem()
  ) throws(FileSystemError) {
    try fileSystem.replaceFile(path) { (file) throws(FileSystemError) in
      for piece in message.pieces {
        switch piece {
        case .bytes(let bytes): try file.append(bytes)
        case .floats(let values): try file.append(elements: values)
        }
      }
    }
  }
}

/// The numbers of the fields that are written, by message.
private enum Field {
  /// `ModelProto`
  enum Model {
    static let (formatVersion, producer, documentation, graph) = (1, 2, 6, 7)
    static let (operators, metadata) = (8, 14)
  }
  /// `OperatorSetIdProto`
  enum OperatorSet { static let (domain, version) = (1, 2) }
  /// `StringStringEntryProto`
  enum Entry { static let (key, value) = (1, 2) }
  /// `GraphProto`
  enum Graph { static let (node, name, initializer, input, output) = (1, 2, 5, 11, 12) }
  /// `NodeProto`
  enum Node { static let (input, output, name, operation, attribute) = (1, 2, 3, 4, 5) }
  /// `AttributeProto`
  enum Attribute { static let (name, float, integer, integers, type) = (1, 2, 3, 8, 20) }
  /// `TensorProto`
  enum Tensor { static let (dimension, element, name, bytes) = (1, 2, 8, 9) }
  /// `ValueInfoProto`
  enum Value { static let (name, type, documentation) = (1, 2, 3) }
  /// `TypeProto`, and in it the type of tensors
  enum TensorType { static let (tensor, element, shape) = (1, 1, 2) }
  /// `TensorShapeProto`, and in it `Dimension`
  enum Shape { static let (dimension, fixed, named) = (1, 1, 2) }
}

extension ONNXGraph {
  fileprivate var message: ProtobufMessage {
    var message = ProtobufMessage()
    for node in nodes { message.append(Field.Graph.node, node.message) }
    message.append(Field.Graph.name, "encoder")
    for initializer in initializers {
      message.append(Field.Graph.initializer, initializer.message)
    }
    for input in inputs { message.append(Field.Graph.input, input.message) }
    for output in outputs { message.append(Field.Graph.output, output.message) }
    return message
  }
}

extension ONNXNode {
  fileprivate var message: ProtobufMessage {
    var message = ProtobufMessage()
    for input in inputs { message.append(Field.Node.input, input) }
    for output in outputs { message.append(Field.Node.output, output) }
    message.append(Field.Node.name, name)
    message.append(Field.Node.operation, operation)
    for (name, attribute) in attributes.sorted(by: { $0.key < $1.key }) {
      message.append(Field.Node.attribute, attribute.message(name))
    }
    return message
  }
}

extension ONNXNode.Attribute {
  fileprivate func message(_ name: String) -> ProtobufMessage {
    var message = ProtobufMessage()
    message.append(Field.Attribute.name, name)
    // The types' numbers are those of `AttributeProto.AttributeType`.
    switch self {
    case .float(let value):
      message.append(Field.Attribute.float, value)
      message.append(Field.Attribute.type, 1)
    case .integer(let value):
      message.append(Field.Attribute.integer, value)
      message.append(Field.Attribute.type, 2)
    case .integers(let values):
      for value in values { message.append(Field.Attribute.integers, value) }
      message.append(Field.Attribute.type, 7)
    }
    return message
  }
}

extension ONNXInitializer {
  fileprivate var message: ProtobufMessage {
    var message = ProtobufMessage()
    for dimension in shape.dimensions { message.append(Field.Tensor.dimension, dimension) }
    message.append(Field.Tensor.element, values.element.rawValue)
    message.append(Field.Tensor.name, name)
    switch values {
    case .floats(let values): message.append(Field.Tensor.bytes, bytesOf: values)
    case .integers(let values):
      let bytes = values.flatMap { value in
        (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
      }
      message.append(Field.Tensor.bytes, bytes)
    }
    return message
  }
}

extension ONNXInitializer.Values {
  fileprivate var element: ONNXValue.Element {
    switch self {
    case .floats: .float32
    case .integers: .int64
    }
  }
}

extension ONNXValue {
  fileprivate var message: ProtobufMessage {
    var dimensions = ProtobufMessage()
    for dimension in shape {
      var entry = ProtobufMessage()
      switch dimension {
      case .fixed(let count): entry.append(Field.Shape.fixed, count)
      case .named(let name): entry.append(Field.Shape.named, name)
      }
      dimensions.append(Field.Shape.dimension, entry)
    }
    var tensor = ProtobufMessage()
    tensor.append(Field.TensorType.element, element.rawValue)
    tensor.append(Field.TensorType.shape, dimensions)
    var type = ProtobufMessage()
    type.append(Field.TensorType.tensor, tensor)
    var message = ProtobufMessage()
    message.append(Field.Value.name, name)
    message.append(Field.Value.type, type)
    message.append(Field.Value.documentation, documentation)
    return message
  }
}
