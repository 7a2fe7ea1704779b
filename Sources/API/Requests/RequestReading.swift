import HTTP
import Identifiers
import JSONTree
import Runs

extension Request {
  /// The run that the path names.
  ///
  /// - Throws: `APIError` 404 for what is no id.
  func runID() throws(APIError) -> Identifier { try identifier(of: "run") }

  /// What the path names by `id`; whether it exists is another question.
  ///
  /// - Throws: `APIError` 404 for what is no id, with `kind` as the word for what there is none of.
  func identifier(of kind: String) throws(APIError) -> Identifier {
    let text = pathParameters["id"] ?? ""
    guard let id = Identifier(text) else { throw .notFound(kind, text) }
    return id
  }

  /// The dataset that the path names; whether it exists is another question.
  ///
  /// - Throws: `APIError` 404 for what is no id.
  func datasetID() throws(APIError) -> String {
    try identifier(of: "dataset").description
  }

  /// Refuses query parameters that the operation does not have, and ones given twice.
  ///
  /// - Throws: `APIError` 400.
  func allowQuery(_ names: String...) throws(APIError) {
    var seen: Set<String> = []
    for (name, _) in query {
      guard names.contains(name) else {
        let allowed = names.isEmpty ? "none" : names.joined(separator: ", ")
        throw .parameter(String(name.prefix(80)), "Unknown here; allowed: \(allowed).")
      }
      guard seen.insert(name).inserted else { throw .parameter(name, "Given twice.") }
    }
  }

  /// A whole number in the query, or nil.
  ///
  /// - Throws: `APIError` 400 for another text or a number outside `range`.
  func integer(_ name: String, in range: ClosedRange<Int>) throws(APIError) -> Int? {
    guard let text = query(name) else { return nil }
    guard let value = Int(text), range.contains(value) else {
      throw .parameter(
        name,
        "\(clipped(text)) is not a whole number within \(range.lowerBound)…\(range.upperBound).")
    }
    return value
  }

  /// `true` or `false` in the query, or nil.
  ///
  /// - Throws: `APIError` 400 for another text.
  func boolean(_ name: String) throws(APIError) -> Bool? {
    guard let text = query(name) else { return nil }
    guard let value = Bool(text) else {
      throw .parameter(name, "\(clipped(text)) is neither true nor false.")
    }
    return value
  }

  /// The page size, 1…100.
  ///
  /// - Throws: `APIError` 400.
  func pageLimit() throws(APIError) -> Int { try integer("limit", in: 1...100) ?? 20 }

  /// `Idempotency-Key`, or nil.
  ///
  /// - Throws: `APIError` 400 for one that is empty or too long.
  func idempotencyKey() throws(APIError) -> String? {
    guard let key = headers["Idempotency-Key"] else { return nil }
    guard (1...200).contains(key.utf8.count) else {
      throw .parameter("Idempotency-Key", "It must have 1…200 bytes.")
    }
    // A key of one caller says nothing of another's. No field can hold the sign between the two.
    return caller.map { "\($0)\u{1F}\(key)" } ?? key
  }

  /// The cursor.
  ///
  /// - Throws: `APIError` 400 for what is no id.
  func cursor() throws(APIError) -> Identifier? {
    guard let text = query("after") else { return nil }
    guard let id = Identifier(text) else { throw .parameter("after", "\(clipped(text)) is no id.") }
    return id
  }

  /// The media type of the body in lower case, without parameters; empty if not given.
  var mediaType: String {
    let field = headers["Content-Type"] ?? ""
    return String(field.prefix { $0 != ";" }).lowercased()
      .filter { $0 != " " && $0 != "\t" }
  }

  /// Whether the body is JSON by its media type, or by a client that is no browser and did not say.
  ///
  /// `curl -d` says `application/x-www-form-urlencoded`. A page of another site could say so too, but browsers
  /// send `Origin` or `Sec-Fetch-Site` then, and those are not taken for it.
  var isJSON: Bool {
    let type = mediaType
    if type == "application/json" || type.hasSuffix("+json") { return true }
    let isBrowser = headers["Origin"] != nil || headers["Sec-Fetch-Site"] != nil
    return !isBrowser && (type.isEmpty || type == "application/x-www-form-urlencoded")
  }

  /// The body as a JSON object.
  ///
  /// - Throws: `APIError` 415 for another media type, 400 for what is no JSON or no object; what reading throws.
  func jsonObject(limit: Int) async throws -> JSONObject {
    guard isJSON else {
      throw APIError(
        .unsupportedMediaType, "The body must be JSON, sent as Content-Type: application/json.")
    }
    return try Self.jsonObject(try await body.collect(limit: limit))
  }

  /// Whether the client said what the body is. `curl` without a header says form, whatever it sends.
  var hasTelling: Bool {
    let type = mediaType
    return !type.isEmpty && type != "application/x-www-form-urlencoded"
  }

  /// Whether bytes that came without a telling type are JSON: an object's first character.
  func looksLikeJSON(_ bytes: [UInt8]) -> Bool {
    let space: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
    let mark: Set<UInt8> = [0xEF, 0xBB, 0xBF]
    return isJSON && bytes.first { !space.contains($0) && !mark.contains($0) } == UInt8(ascii: "{")
  }

  /// The text without the mark that some editors and shells write before UTF-8; a parser may skip it (RFC 8259 §8.1).
  private static func withoutByteOrderMark(_ bytes: [UInt8]) -> [UInt8] {
    bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes[3...]) : bytes
  }

  /// Bytes as a JSON object; a UTF-8 byte order mark is skipped.
  ///
  /// - Throws: `APIError` 400 for what is no JSON or no object.
  static func jsonObject(_ bytes: [UInt8]) throws(APIError) -> JSONObject {
    guard !bytes.isEmpty else { throw APIError(.invalidJSON, "The body is empty.") }
    guard !bytes.starts(with: [0xFF, 0xFE]), !bytes.starts(with: [0xFE, 0xFF]) else {
      throw APIError(.invalidJSON, "The body is UTF-16; JSON is sent as UTF-8 (RFC 8259 §8.1).")
    }
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue(parsing: withoutByteOrderMark(bytes))
    } catch {
      throw APIError(.invalidJSON, "The body is not JSON: \(error).")
    }
    guard let object = value.objectValue else {
      throw APIError(.invalidJSON, "The body must be an object, not \(value.kind).")
    }
    return object
  }
}

/// A JSON value for a message, at most 80 characters.
func clippedJSON(_ value: JSONValue) -> String {
  let text = value.description
  return text.count > 80 ? "\(text.prefix(80))…" : text
}
