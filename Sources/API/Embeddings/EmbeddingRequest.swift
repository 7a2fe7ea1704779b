import EmbeddingService
import HTTP
public import Images
import JSONTree

/// How vectors are written in JSON.
enum EncodingFormat: String, CaseIterable {
  case float, base64
}

/// What becomes of a request of which some pictures do not decode.
enum PictureErrors: String, CaseIterable {
  /// It fails, and all of them are told.
  case fail
  /// The others are answered, and the failed ones told in their places.
  case partial
}

/// A request for embeddings, read but not decoded.
struct EmbeddingOrder {
  var model: String?
  var pictures: [[UInt8]]
  var format = EncodingFormat.float
  var options = EmbeddingOptions()
}

/// What a request may carry.
public struct EmbeddingLimits: Sendable {
  /// What one picture may cost.
  public var image = ImageLimits()
  /// Pictures in a JSON body at most.
  public var picturesInJSON = 64
  /// The longest body in bytes, as JSON or as a picture's own bytes.
  public var bodyByteCount = 32 << 20
  /// The longest value of a form's field that is no file, in bytes.
  public static let formFieldByteCount = 1024
  /// The longest name of a model, in characters: a run's name with a step.
  public static let modelNameLength = 256

  /// The defaults.
  public init() {}
}

extension EmbeddingOrder {
  /// Reads a request: one picture's bytes, a form with pictures, or OpenAI's JSON.
  ///
  /// - Throws: `APIError`; what reading the body throws.
  init(_ request: Request, limits: EmbeddingLimits) async throws {
    let type = request.mediaType
    if let detail = Self.mistake(type) { throw APIError(.unsupportedMediaType, detail) }
    let isJSON = type == "application/json" || type.hasSuffix("+json")
    // One limit for every body, however it is written; one picture's own limit is held where it is decoded.
    let bytes = try await request.body.collect(limit: limits.bodyByteCount)
    if isJSON || (!request.hasTelling && request.looksLikeJSON(bytes)) {
      try request.allowQuery()
      try self.init(try Request.jsonObject(bytes), limits)
    } else if type == Self.formType {
      var request = request
      request.body = RequestBody(bytes)
      try await self.init(form: request, limits)
    } else {
      try self.init(picture: bytes, request)
    }
    options.requiredFingerprint = request.headers["X-Require-Model-Fingerprint"]
  }

  /// What is wrong with a media type and what to send instead; nil for those that may hold a picture or JSON.
  static func mistake(_ type: String) -> String? {
    let cure =
      "Send the picture's bytes themselves (curl --data-binary @cat.jpg -H 'Content-Type: image/jpeg'), a form (curl -F "
      + "image=@cat.jpg), or JSON with data: URLs as Content-Type: application/json."
    if type == formType { return nil }
    if type.hasPrefix("multipart/") { return "\(clipped(type)) is no multipart/form-data. \(cure)" }
    let isOther = ["text/", "audio/", "video/"].contains { type.hasPrefix($0) }
    return isOther ? "\(clipped(type)) is no picture. \(cure)" : nil
  }

  private static let formType = "multipart/form-data"

  /// A form as HTML pages and `curl -F` send it (RFC 7578): each part with a file's name is a picture, in their order; the
  /// other parts are `model`, `dimensions`, `normalize` and `encoding_format`.
  private init(form request: Request, _ limits: EmbeddingLimits) async throws {
    try request.allowQuery()
    var reader = try MultipartReader(request)
    var pictures: [[UInt8]] = []
    var fields: [(name: String, value: [UInt8])] = []
    var isFile = false
    while let event = try await reader.next() {
      switch event {
      case .part(let part):
        isFile = part.filename != nil
        if isFile { pictures.append([]) } else { fields.append((part.name, [])) }
      case .data(let bytes):
        if isFile {
          pictures[pictures.count - 1] += bytes
        } else {
          fields[fields.count - 1].value += bytes
          guard fields[fields.count - 1].value.count <= EmbeddingLimits.formFieldByteCount else {
            throw APIError.parameter(
              fields[fields.count - 1].name,
              "A field that is no file has at most \(EmbeddingLimits.formFieldByteCount) bytes.")
          }
        }
      }
    }
    guard (1...limits.picturesInJSON).contains(pictures.count) else {
      throw APIError.invalid([
        .field(
          "image", pictures.isEmpty ? "missing" : "out_of_range",
          "The form has \(pictures.count) files; it must have 1…\(limits.picturesInJSON), each a picture."
        )
      ])
    }
    // The fields are those of the query: read by the same rules.
    var asked = request
    asked.query = fields.map { ($0.name, String(decoding: $0.value, as: UTF8.self)) }
    try self.init(picture: [], asked)
    self.pictures = pictures
  }

  private init(picture: [UInt8], _ request: Request) throws(APIError) {
    try request.allowQuery("model", "dimensions", "normalize", "encoding_format", "on_error")
    self.init(model: request.query("model"), pictures: [picture])
    options.dimensions = try request.integer("dimensions", in: 1...(.max))
    options.normalize = try request.boolean("normalize") ?? true
    format = try Self.format(request)
    if let text = request.query("on_error") {
      guard let word = PictureErrors(rawValue: text) else {
        throw .parameter("on_error", "\(clipped(text)) is neither fail nor partial.")
      }
      options.keepsWhatDecodes = word == .partial
    }
  }

  private static func format(_ request: Request) throws(APIError) -> EncodingFormat {
    guard let text = request.query("encoding_format") else { return .float }
    guard let format = EncodingFormat(rawValue: text) else {
      throw .parameter("encoding_format", "\(clipped(text)) is neither float nor base64.")
    }
    return format
  }

  private init(_ object: JSONObject, _ limits: EmbeddingLimits) throws(APIError) {
    var fields = FieldReader(object)
    model = fields.string("model", limit: EmbeddingLimits.modelNameLength)
    let inputs = Self.inputs(&fields, limit: limits.picturesInJSON)
    let word = fields.choice("encoding_format", of: EncodingFormat.allCases.map(\.rawValue))
    format = word.flatMap(EncodingFormat.init) ?? .float
    options.dimensions = fields.integer("dimensions", in: 1...(.max))
    options.normalize = fields.boolean("normalize") ?? true
    let errors = fields.choice("on_error", of: PictureErrors.allCases.map(\.rawValue))
    options.keepsWhatDecodes = errors == PictureErrors.partial.rawValue
    _ = fields.take("user")
    try fields.finish()
    pictures = try Self.decoded(inputs)
  }

  private static func inputs(_ fields: inout FieldReader, limit: Int) -> [String] {
    guard let value = fields.take("input") else {
      fields.fault("input", "missing", "It must be a data: URL of a picture, or a list of them.")
      return []
    }
    if let text = value.stringValue { return [text] }
    guard let elements = value.arrayValue, (1...limit).contains(elements.count) else {
      fields.fault("input", "out_of_range", "It must be one data: URL, or a list of 1…\(limit).")
      return []
    }
    let texts = elements.compactMap(\.stringValue)
    if texts.count < elements.count {
      fields.fault("input", "wrong_type", "Every element must be a string.")
    }
    return texts
  }

  private static func decoded(_ inputs: [String]) throws(APIError) -> [[UInt8]] {
    var pictures: [[UInt8]] = []
    for (index, input) in inputs.enumerated() {
      pictures.append(try decoded(input, index))
    }
    return pictures
  }

  private static func decoded(_ input: String, _ index: Int) throws(APIError) -> [UInt8] {
    do throws(PictureText.Fault) {
      return try PictureText.bytes(input)
    } catch {
      let fault = APIError.Fault(
        field: "input", index: index, code: error.code, detail: error.detail)
      guard error.code == "url_input_disabled" else { throw .invalid([fault]) }
      throw APIError(
        .urlInputDisabled, "This server fetches nothing; send the picture as a data: URL.",
        faults: [fault])
    }
  }
}
