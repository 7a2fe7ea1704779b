import Datasets
import EmbeddingService
import HTTP
import JSONTree
import Retrieval

/// A search as a request asks for it.
struct SearchOrder {
  /// What neighbours are looked for of.
  enum Query {
    case picture([UInt8])
    case vector([Float])
    case item(Int)
  }

  var query: Query
  var count = 10
  var filter = ItemFilter()
  /// The model that a vector is of.
  var fingerprint: String?
  /// Whether an item is its own neighbour.
  var includesItself = false

  /// Labels and parts that a filter names at most.
  static let filterNames = 1...100
  /// The longest label, in characters.
  static let labelLength = 1000
}

extension SearchOrder {
  /// Reads a request: one picture's bytes with the rest in the query, or JSON.
  ///
  /// - Throws: `APIError`; what reading the body throws.
  init(_ request: Request, limits: EmbeddingLimits, index: VectorIndex) async throws {
    let bytes = try await request.body.collect(limit: limits.bodyByteCount)
    let type = request.mediaType
    if type == "application/json" || type.hasSuffix("+json")
      || (!request.hasTelling && request.looksLikeJSON(bytes))
    {
      try request.allowQuery()
      try self.init(try Request.jsonObject(bytes), index)
    } else {
      if type.hasPrefix("multipart/") {
        throw APIError(
          .unsupportedMediaType,
          "A form is not read here. Send the picture's bytes themselves, or JSON with image, vector or item."
        )
      }
      if let detail = EmbeddingOrder.mistake(type) {
        throw APIError(.unsupportedMediaType, detail)
      }
      try self.init(picture: bytes, request, index)
    }
  }

  private init(picture: [UInt8], _ request: Request, _ index: VectorIndex) throws(APIError) {
    try request.allowQuery("k", "label", "split")
    self.init(query: .picture(picture))
    count = try request.integer("k", in: SearchLimits.neighbours) ?? count
    if let label = request.query("label") {
      guard index.labels.contains(label) else {
        throw .parameter("label", Self.unknownLabel(label, index))
      }
      filter.labels = [label]
    }
    if let split = request.query("split") {
      guard let part = Split.named(split) else {
        throw .parameter("split", Self.unknownSplit(split))
      }
      filter.splits = [part]
    }
  }

  private init(_ object: JSONObject, _ index: VectorIndex) throws(APIError) {
    var fields = FieldReader(object)
    let query = Self.query(&fields, index)
    self.init(query: query ?? .item(0))
    count = fields.integer("k", in: SearchLimits.neighbours) ?? count
    fingerprint = fields.string("fingerprint", limit: 128)
    includesItself = fields.boolean("include_self") ?? false
    filter.labels = Self.names("labels", &fields).map { names in
      for name in names where !index.labels.contains(name) {
        fields.fault("labels", "unknown_value", Self.unknownLabel(name, index))
      }
      return Set(names)
    }
    filter.splits = Self.names("splits", &fields).map { names in
      Set(
        names.compactMap { name in
          if Split.named(name) == nil {
            fields.fault("splits", "unknown_value", Self.unknownSplit(name))
          }
          return Split.named(name)
        })
    }
    try fields.finish()
  }

  /// The one of `image`, `vector` and `item` that is there.
  private static func query(_ fields: inout FieldReader, _ index: VectorIndex) -> Query? {
    let (image, vector, item) = (fields.take("image"), fields.take("vector"), fields.take("item"))
    guard [image, vector, item].compactMap(\.self).count == 1 else {
      fields.fault(
        "image", "missing",
        "Give one of image (a data: URL or base64), vector (\(index.dimension) numbers) and item (a number)."
      )
      return nil
    }
    if let image {
      guard let text = image.stringValue else {
        fields.fault("image", "wrong_type", "\(clippedJSON(image)) is not a string.")
        return nil
      }
      do throws(PictureText.Fault) {
        return .picture(try PictureText.bytes(text))
      } catch {
        fields.fault("image", error.code, error.detail)
        return nil
      }
    }
    if let item {
      guard let number = item.integerValue.flatMap({ Int(exactly: $0) }),
        (0..<index.count).contains(number)
      else {
        fields.fault(
          "item", "out_of_range",
          "\(clippedJSON(item)) is not a whole number within 0…\(index.count - 1).")
        return nil
      }
      return .item(number)
    }
    let numbers = vector?.arrayValue?.compactMap(\.doubleValue).map { Float($0) }
    guard let numbers, numbers.count == vector?.arrayValue?.count, numbers.count == index.dimension
    else {
      fields.fault(
        "vector", "out_of_range", "It must be an array of \(index.dimension) numbers.")
      return nil
    }
    return .vector(numbers)
  }

  private static func names(_ field: String, _ fields: inout FieldReader) -> [String]? {
    guard let value = fields.take(field) else { return nil }
    let names = value.arrayValue?.compactMap(\.stringValue) ?? []
    guard names.count == value.arrayValue?.count, filterNames.contains(names.count),
      names.allSatisfy({ $0.unicodeScalars.count <= labelLength })
    else {
      fields.fault(
        field, "wrong_type",
        "It must be an array of \(filterNames.lowerBound)…\(filterNames.upperBound) strings.")
      return nil
    }
    return names
  }

  private static func unknownLabel(_ name: String, _ index: VectorIndex) -> String {
    guard !index.labels.isEmpty else { return "The index has no labels." }
    let more = index.labels.count > 10 ? " and \(index.labels.count - 10) more" : ""
    return
      "\(clipped(name)) is no label of the index; it has \(index.labels.prefix(10).joined(separator: ", "))\(more)."
  }

  private static func unknownSplit(_ name: String) -> String {
    "\(clipped(name)) is not one of \(Split.allCases.map(\.name).joined(separator: ", "))."
  }
}

extension Split {
  /// The part of a name as the API writes it.
  fileprivate static func named(_ name: String) -> Split? { allCases.first { $0.name == name } }
}
