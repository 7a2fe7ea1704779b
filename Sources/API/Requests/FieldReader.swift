import JSONTree

/// Reads the members of a JSON object one by one and collects every fault instead of the first.
struct FieldReader {
  private var rest: JSONObject
  private(set) var faults: [APIError.Fault] = []
  private var known: [String] = []

  init(_ object: JSONObject) { rest = object }

  /// The value of a name, or nil where it is absent or `null`; it counts as known from now on.
  mutating func take(_ name: String) -> JSONValue? {
    known.append(name)
    let value = rest[name]
    rest[name] = nil
    return value == .null ? nil : value
  }

  /// A string of 1…`limit` characters without control characters.
  mutating func string(_ name: String, limit: Int) -> String? {
    guard let value = take(name) else { return nil }
    guard let text = value.stringValue else {
      fault(name, "wrong_type", "\(clippedJSON(value)) is not a string.")
      return nil
    }
    guard (1...limit).contains(text.unicodeScalars.count),
      !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
    else {
      fault(name, "out_of_range", "It must have 1…\(limit) characters, none of them a control one.")
      return nil
    }
    return text
  }

  /// A boolean.
  mutating func boolean(_ name: String) -> Bool? {
    guard let value = take(name) else { return nil }
    if value.boolValue == nil {
      fault(name, "wrong_type", "\(clippedJSON(value)) is neither true nor false.")
    }
    return value.boolValue
  }

  /// A whole number within a range.
  mutating func integer(_ name: String, in range: ClosedRange<Int>) -> Int? {
    guard let value = take(name) else { return nil }
    guard let number = value.integerValue.flatMap({ Int(exactly: $0) }), range.contains(number)
    else {
      fault(
        name, "out_of_range",
        "\(clippedJSON(value)) is not a whole number within \(range.lowerBound)…\(range.upperBound)."
      )
      return nil
    }
    return number
  }

  /// One of some words.
  mutating func choice(_ name: String, of words: [String]) -> String? {
    guard let value = take(name) else { return nil }
    guard let word = value.stringValue, words.contains(word) else {
      fault(
        name, "unknown_value",
        "\(clippedJSON(value)) is not one of \(words.joined(separator: ", ")).")
      return nil
    }
    return word
  }

  /// Strings by names: at most 16, names of 1…64 and values of at most 512 characters.
  mutating func metadata(_ name: String) -> [String: String]? {
    guard let value = take(name) else { return nil }
    guard let object = value.objectValue, object.members.count <= 16 else {
      fault(name, "wrong_type", "It must be an object of at most 16 strings.")
      return nil
    }
    var result: [String: String] = [:]
    for member in object.members {
      let path = "\(name).\(member.name.prefix(64))"
      guard let text = member.value.stringValue, text.unicodeScalars.count <= 512 else {
        fault(path, "wrong_type", "It must be a string of at most 512 characters.")
        continue
      }
      guard (1...64).contains(member.name.unicodeScalars.count) else {
        fault(path, "out_of_range", "A name must have 1…64 characters.")
        continue
      }
      result[member.name] = text
    }
    return result
  }

  /// The members of an object, as `body` reads them; their faults are named with the object's name before.
  mutating func object<Result>(
    _ name: String, _ body: (inout FieldReader) -> Result
  ) -> Result? {
    guard let value = take(name) else { return nil }
    guard let object = value.objectValue else {
      fault(name, "wrong_type", "\(clippedJSON(value)) is not an object.")
      return nil
    }
    var inner = FieldReader(object)
    let result = body(&inner)
    inner.refuseRest()
    for var fault in inner.faults {
      fault.field = "\(name).\(fault.field ?? "")"
      faults.append(fault)
    }
    return result
  }

  /// Adds a fault.
  mutating func fault(_ field: String, _ code: String, _ detail: String) {
    faults.append(.field(field, code, detail))
  }

  /// Adds a fault that somebody else found.
  mutating func add(_ fault: APIError.Fault) { faults.append(fault) }

  /// Refuses what nobody took, and everything found before.
  ///
  /// - Throws: `APIError` 422 with all faults.
  mutating func finish() throws(APIError) {
    refuseRest()
    if !faults.isEmpty { throw .invalid(faults) }
  }

  private mutating func refuseRest() {
    for member in rest.members {
      fault(
        String(member.name.prefix(80)), "unknown_field",
        "There is no such field; allowed: \(known.joined(separator: ", ")).")
    }
  }
}
