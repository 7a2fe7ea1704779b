/// One JSON value (RFC 8259) as a tree. Objects keep their order and hold each name once.
public indirect enum JSONValue: Sendable, Hashable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number written without fraction or exponent that fits 64 signed bits.
  case integer(Int64)
  /// Any other number; finite.
  case number(Double)
  /// A string.
  case string(String)
  /// An array.
  case array([JSONValue])
  /// An object.
  case object(JSONObject)
}

/// A member's name, compared by its code points as RFC 8259 (section 8.3) has it.
///
/// Swift's strings are equal when they look the same: "é" as one code point and as two would be one name.
private struct ExactName: Sendable, Hashable {
  let text: String

  static func == (one: ExactName, other: ExactName) -> Bool {
    one.text.utf8.elementsEqual(other.text.utf8)
  }

  func hash(into hasher: inout Hasher) {
    for byte in text.utf8 { hasher.combine(byte) }
    hasher.combine(UInt8(0xFF))
  }
}

/// The members of a JSON object, in their order; no name occurs twice. Names are the same when their code points are.
public struct JSONObject: Sendable, Hashable {
  /// One name and its value.
  public struct Member: Sendable, Hashable {
    fileprivate let key: ExactName
    /// The member's value.
    public var value: JSONValue
    /// The member's name.
    public var name: String { key.text }
  }

  /// The members in the order they were written.
  public private(set) var members: [Member] = []
  private var positions: [ExactName: Int] = [:]

  /// An object without members.
  public init() {}

  /// The names in order.
  public var names: [String] { members.map(\.name) }

  /// The value of a name; assigning replaces in place or appends, `nil` removes.
  public subscript(name: String) -> JSONValue? {
    get { positions[ExactName(text: name)].map { members[$0].value } }
    set {
      let key = ExactName(text: name)
      switch (positions[key], newValue) {
      case (let position?, let value?): members[position].value = value
      case (nil, let value?):
        positions[key] = members.count
        members.append(Member(key: key, value: value))
      case (let position?, nil):
        members.remove(at: position)
        positions = [:]
        for (index, member) in members.enumerated() { positions[member.key] = index }
      case (nil, nil): break
      }
    }
  }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  /// The literal as a value.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    for (name, value) in elements { self[name] = value }
  }
}

extension JSONValue {
  /// What kind of value it is, in a word, for messages: `null`, `boolean`, `number`, `string`, `array`, `object`.
  public var kind: String {
    switch self {
    case .null: "null"
    case .bool: "boolean"
    case .integer, .number: "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }

  /// The boolean, if it is one.
  public var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }

  /// The string, if it is one.
  public var stringValue: String? { if case .string(let value) = self { value } else { nil } }

  /// The members, if it is an object.
  public var objectValue: JSONObject? { if case .object(let value) = self { value } else { nil } }

  /// The elements, if it is an array.
  public var arrayValue: [JSONValue]? { if case .array(let value) = self { value } else { nil } }

  /// The number as a double, if it is a number.
  public var doubleValue: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The number as an integer, if it is one without a fraction (`3`, `3.0`, `3e0`).
  public var integerValue: Int64? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int64(exactly: value)
    default: nil
    }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  /// The literal as a value.
  public init(stringLiteral value: String) { self = .string(value) }
  /// The literal as a value.
  public init(integerLiteral value: Int64) { self = .integer(value) }
  /// The literal as a value.
  public init(floatLiteral value: Double) { self = .number(value) }
  /// The literal as a value.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// The literal as a value.
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  /// The literal as a value.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    var object = JSONObject()
    for (name, value) in elements { object[name] = value }
    self = .object(object)
  }
}
