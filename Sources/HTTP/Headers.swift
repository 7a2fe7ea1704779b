/// Header fields in the order they came, with case-insensitive names.
///
/// A field that could break the framing of a message (a name that is no token, a value with CR, LF, NUL or
/// another control character) never gets in.
public struct Headers: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  /// One field line.
  public struct Field: Sendable, Equatable {
    /// The name as written.
    public let name: String
    /// The value without surrounding blanks; bytes that are no UTF-8 appear as U+FFFD.
    public let value: String
  }

  /// The fields in order.
  public private(set) var fields: [Field] = []

  /// Creates an empty list.
  public init() {}

  /// Creates the list from literal fields. An invalid literal is a fault of the program.
  public init(dictionaryLiteral elements: (String, String)...) {
    fields.reserveCapacity(elements.count + 2)
    for (name, value) in elements { set(name, value) }
  }

  /// The first value of that name, or nil. Setting replaces all fields of the name; nil removes them.
  public subscript(name: String) -> String? {
    get { index(of: name).map { fields[$0].value } }
    set {
      if let newValue { set(name, newValue) } else { remove(name) }
    }
  }

  /// Whether there is a field of that name.
  func contains(_ name: String) -> Bool { index(of: name) != nil }

  /// The value of that name and whether it is the only one.
  func first(_ name: String) -> (value: String, isOnly: Bool)? {
    guard let first = index(of: name) else { return nil }
    return (fields[first].value, index(of: name, from: first + 1) == nil)
  }

  private func index(of name: String, from start: Int = 0) -> Int? {
    let count = name.utf8.count
    for index in start..<fields.count
    where fields[index].name.utf8.count == count && equalIgnoringCase(fields[index].name, name) {
      return index
    }
    return nil
  }

  /// Every value of that name, in order.
  public func all(_ name: String) -> [String] {
    fields.filter { equalIgnoringCase($0.name, name) }.map(\.value)
  }

  /// Adds a field after the others.
  ///
  /// - Precondition: the name is a token and the value holds no control characters; use
  ///   `isValid(name:value:)` for values that come from outside.
  public mutating func append(_ name: String, _ value: String) {
    precondition(Headers.isValid(name: name, value: value), "invalid header field")
    fields.append(Field(name: name, value: value))
  }

  /// Replaces all fields of that name by one. The precondition is `append`'s.
  public mutating func set(_ name: String, _ value: String) {
    precondition(Headers.isValid(name: name, value: value), "invalid header field")
    let field = Field(name: name, value: value)
    guard let first = index(of: name) else {
      fields.append(field)
      return
    }
    fields[first] = field
    var index = fields.count - 1
    while index > first {
      if equalIgnoringCase(fields[index].name, name) { fields.remove(at: index) }
      index -= 1
    }
  }

  /// Removes all fields of that name.
  public mutating func remove(_ name: String) {
    fields.removeAll { equalIgnoringCase($0.name, name) }
  }

  /// Whether the pair may stand in a message.
  public static func isValid(name: String, value: String) -> Bool {
    !name.isEmpty && all(name, isTokenByte) && all(value, isFieldValueByte)
  }

  @inline(__always)
  private static func all(_ text: String, _ condition: (UInt8) -> Bool) -> Bool {
    let bytes = text.utf8.span
    for index in bytes.indices where !condition(bytes[index]) { return false }
    return true
  }

  /// Adds a field that is known to be valid.
  mutating func appendValid(_ name: String, _ value: String) {
    fields.append(Field(name: name, value: value))
  }

  mutating func reserve(_ count: Int) { fields.reserveCapacity(count) }
}
