public import Foundation
import Synchronization

/// How this product writes its own types as JSON: `snake_case` names, sorted, finite numbers.
///
/// Types keep Swift's names and the derived `Codable`; the change of case happens here, once, for
/// what is stored, what workers report and what the API answers.
public enum JSONCoding {
  /// A new encoder: `snake_case`, sorted names, slashes as they are.
  public static func encoder() -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .custom { NameKey(written.name($0[$0.count - 1].stringValue)) }
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoder
  }

  /// A new decoder for what `encoder()` writes.
  public static func decoder() -> JSONDecoder {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .custom { NameKey(read.name($0[$0.count - 1].stringValue)) }
    return decoder
  }

  private static let written = NameTable(snakeCase)
  private static let read = NameTable(camelCase)

  /// `imagesPerSecond` as `images_per_second`.
  private static func snakeCase(_ name: String) -> String {
    name.reduce(into: "") { $0 += $1.isUppercase ? "_" + $1.lowercased() : String($1) }
  }

  /// `images_per_second` as `imagesPerSecond`.
  private static func camelCase(_ name: String) -> String {
    let words = name.split(separator: "_")
    return words.dropFirst().reduce(String(words.first ?? "")) {
      $0 + $1.prefix(1).uppercased() + $1.dropFirst()
    }
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

/// A member's name.
private struct NameKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }

  init(_ name: String) { stringValue = name }
  init?(stringValue: String) { self.init(stringValue) }
  init?(intValue: Int) { nil }
}

/// Names in another case. Foundation's own strategies work each name out anew every time, a quarter of what reading
/// or writing a run costs; there are few names, so they are worked out once.
private final class NameTable: Sendable {
  private let convert: @Sendable (String) -> String
  private let known = Mutex<[String: String]>([:])
  /// Names kept; names of a stranger's file do not pile up.
  private static let limit = 1000

  init(_ convert: @escaping @Sendable (String) -> String) { self.convert = convert }

  func name(_ name: String) -> String {
    known.withLock { known in
      if let converted = known[name] { return converted }
      if known.count >= NameTable.limit { known = [:] }
      let converted = convert(name)
      known[name] = converted
      return converted
    }
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
  ///
  /// - Throws: `EncodingError` for an object with two names that look the same: Foundation's encoders hold names as
  ///   Swift's strings, so that one of the two would be lost. (`encoded` writes both.)
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
      var members: [String: JSONValue] = [:]
      for member in object.members {
        guard members.updateValue(member.value, forKey: member.name) == nil else {
          throw EncodingError.invalidValue(
            self,
            .init(codingPath: encoder.codingPath, debugDescription: "Two names look the same."))
        }
      }
      try container.encode(members)
    }
  }
}
