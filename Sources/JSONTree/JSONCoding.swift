public import Foundation

/// How this product writes its own types as JSON: `snake_case` names, sorted, finite numbers.
///
/// Types keep Swift's names and the derived `Codable`; the change of case happens here, once, for
/// what is stored, what workers report and what the API answers.
public enum JSONCoding {
  /// A new encoder: `snake_case`, sorted names, slashes as they are.
  public static func encoder() -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoder
  }

  /// A new decoder for what `encoder()` writes.
  public static func decoder() -> JSONDecoder {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return decoder
  }

  /// A value as JSON text on one line.
  ///
  /// - Throws: `EncodingError`, for a number that is not finite.
  public static func encode(_ value: some Encodable) throws -> [UInt8] {
    [UInt8](try encoder().encode(value))
  }

  /// A value from JSON text.
  ///
  /// - Throws: `DecodingError` where the text is not JSON or does not fit the type.
  public static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws
    -> Value
  {
    try decoder().decode(type, from: Data(bytes))
  }

  /// A value as a tree.
  ///
  /// - Throws: `EncodingError`, for a number that is not finite.
  public static func tree(_ value: some Encodable) throws -> JSONValue {
    try JSONValue(parsing: try encode(value))
  }
}

extension JSONValue: Codable {
  /// Decodes the value.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int64.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      var object = JSONObject()
      let members = try container.decode([String: JSONValue].self)
      for name in members.keys.sorted() { object[name] = members[name] }
      self = .object(object)
    }
  }

  /// Encodes the value.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .string(let value): try container.encode(value)
    case .array(let value): try container.encode(value)
    case .object(let object):
      try container.encode(
        Dictionary(uniqueKeysWithValues: object.members.map { ($0.name, $0.value) }))
    }
  }
}
