/// The fields of a message of Protocol Buffers: what the tests read ONNX files with, apart from what writes them.
struct ProtobufReader {
  enum Value: Equatable {
    case varint(UInt64)
    case fourBytes([UInt8])
    case bytes([UInt8])
  }

  enum Failure: Error { case truncated, unknownWireType(UInt64) }

  private(set) var fields: [(number: Int, value: Value)] = []

  init(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let key = try Self.varint(&rest)
      fields.append((Int(key >> 3), try Self.value(key & 7, &rest)))
    }
  }

  private static func value(_ type: UInt64, _ rest: inout ArraySlice<UInt8>) throws -> Value {
    switch type {
    case 0: return .varint(try varint(&rest))
    case 2: return .bytes(try taken(Int(try varint(&rest)), &rest))
    case 5: return .fourBytes(try taken(4, &rest))
    default: throw Failure.unknownWireType(type)
    }
  }

  private static func taken(_ count: Int, _ rest: inout ArraySlice<UInt8>) throws -> [UInt8] {
    guard rest.count >= count else { throw Failure.truncated }
    defer { rest = rest.dropFirst(count) }
    return Array(rest.prefix(count))
  }

  private static func varint(_ rest: inout ArraySlice<UInt8>) throws -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard let byte = rest.popFirst() else { throw Failure.truncated }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
    }
    throw Failure.truncated
  }
}

extension ProtobufReader {
  func bytes(_ number: Int) -> [[UInt8]] {
    fields.compactMap { field in
      guard field.number == number, case .bytes(let bytes) = field.value else { return nil }
      return bytes
    }
  }

  func texts(_ number: Int) -> [String] {
    bytes(number).map { String(decoding: $0, as: UTF8.self) }
  }

  func text(_ number: Int) -> String { texts(number).first ?? "" }

  func integers(_ number: Int) -> [Int] {
    fields.compactMap { field in
      guard field.number == number, case .varint(let value) = field.value else { return nil }
      return Int(Int64(bitPattern: value))
    }
  }

  func messages(_ number: Int) throws -> [ProtobufReader] {
    try bytes(number).map(ProtobufReader.init)
  }
}

/// An ONNX file as the tests see it, by the numbers of `onnx.proto`.
struct ParsedONNX {
  struct Node {
    let operation: String
    let name: String
    let inputs: [String]
    let outputs: [String]
    /// Integers of the attributes by name.
    let integers: [String: [Int]]
  }

  struct Initializer {
    let dimensions: [Int]
    let element: Int
    let bytes: [UInt8]
  }

  struct Value: Equatable {
    let name: String
    let element: Int
    /// Numbers, or the name of a dimension.
    let shape: [String]
  }

  let formatVersion: Int
  let operatorVersion: Int
  let metadata: [String: String]
  let nodes: [Node]
  let initializers: [String: Initializer]
  let inputs: [Value]
  let outputs: [Value]

  init(_ bytes: [UInt8]) throws {
    let model = try ProtobufReader(bytes)
    formatVersion = model.integers(1).first ?? 0
    operatorVersion = try model.messages(8).first?.integers(2).first ?? 0
    metadata = Dictionary(
      uniqueKeysWithValues: try model.messages(14).map { ($0.text(1), $0.text(2)) })
    let graph = try model.messages(7)[0]
    nodes = try graph.messages(1).map { node in
      Node(
        operation: node.text(4), name: node.text(3), inputs: node.texts(1),
        outputs: node.texts(2),
        integers: Dictionary(
          uniqueKeysWithValues: try node.messages(5).map {
            ($0.text(1), $0.integers(3) + $0.integers(8))
          }))
    }
    initializers = Dictionary(
      uniqueKeysWithValues: try graph.messages(5).map { tensor in
        (
          tensor.text(8),
          Initializer(
            dimensions: tensor.integers(1), element: tensor.integers(2)[0],
            bytes: tensor.bytes(9)[0])
        )
      })
    inputs = try graph.messages(11).map(Self.value)
    outputs = try graph.messages(12).map(Self.value)
  }

  private static func value(_ message: ProtobufReader) throws -> Value {
    let tensor = try message.messages(2)[0].messages(1)[0]
    let dimensions = try tensor.messages(2)[0].messages(1)
    return Value(
      name: message.text(1), element: tensor.integers(1)[0],
      shape: dimensions.map { $0.integers(1).first.map(String.init) ?? $0.text(2) })
  }
}
