import JSONTree

/// Why a stored recipe cannot be used.
public enum RecipeFileError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A newer version of this product wrote it.
  case newerFormat(found: Int, known: Int)
  /// It is not a recipe.
  case malformed(reason: String)
  /// Fields are outside their limits or contradict each other.
  case outsideLimits([FieldProblem])

  /// The error as a sentence.
  public var description: String {
    switch self {
    case .newerFormat(let found, let known):
      "The recipe has format version \(found); this program knows up to \(known)."
    case .malformed(let reason): "This is not a recipe: \(reason)."
    case .outsideLimits(let problems):
      "The stored recipe cannot be used: "
        + problems.map { "\($0.field) is \($0.value); allowed: \($0.allowed)" }
        .joined(separator: "; ") + "."
    }
  }
}

extension Recipe {
  /// The recipe as JSON text, names sorted: what `recipe.json` and checkpoints hold.
  public var encoded: [UInt8] {
    do {
      return try JSONCoding.encode(self)
    } catch {
      preconditionFailure("A recipe within its limits was not encodable: \(error)")
    }
  }

  /// A recipe from what `encoded` gave, or from a file that somebody changed: the limits are those of a request.
  ///
  /// - Throws: `RecipeFileError`.
  public init(decoding bytes: [UInt8]) throws(RecipeFileError) {
    struct Version: Decodable {
      var formatVersion: Int
    }
    let recipe: Recipe
    do {
      let version = try JSONCoding.decode(Version.self, from: bytes).formatVersion
      guard version <= Recipe.currentFormatVersion else {
        throw RecipeFileError.newerFormat(found: version, known: Recipe.currentFormatVersion)
      }
      recipe = try JSONCoding.decode(Recipe.self, from: bytes)
    } catch let error as RecipeFileError {
      throw error
    } catch let error as DecodingError {
      throw .malformed(reason: error.sentencePart)
    } catch {
      throw .malformed(reason: "\(error)")
    }
    let problems = recipe.problems
    guard problems.isEmpty else { throw .outsideLimits(problems) }
    self = recipe
  }
}

extension DecodingError {
  /// What is wrong, and of which member.
  fileprivate var sentencePart: String {
    switch self {
    case .keyNotFound(let key, let context): "\(path(context, key)) is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      "\(path(context)) has a value of another kind"
    case .dataCorrupted(let context):
      context.codingPath.isEmpty
        ? "it is not JSON" : "\(path(context)) has a value that is not allowed"
    @unknown default: "\(self)"
    }
  }

  private func path(_ context: Context, _ key: (any CodingKey)? = nil) -> String {
    (context.codingPath + (key.map { [$0] } ?? [])).map(\.stringValue).joined(separator: ".")
  }
}

// The stored form is written by the table: a field is stored where its line says, under the names of format version 1.
extension Recipe: Codable {
  private static let versionKey = RecipeKey("formatVersion")
  private static let picturesKey = RecipeKey("pictures")
  private static let classesKey = RecipeKey("classes")

  /// Reads the fields; limits are checked by `init(decoding:)`.
  ///
  /// - Throws: `DecodingError` where a field is missing that the first version had, or has another type.
  public init(from decoder: any Decoder) throws {
    self.init()
    let root = try decoder.container(keyedBy: RecipeKey.self)
    formatVersion = try root.decode(Int.self, forKey: Recipe.versionKey)
    pictures = try root.decode(Int.self, forKey: Recipe.picturesKey)
    classes = try root.decodeIfPresent(Int.self, forKey: Recipe.classesKey) ?? 0
    var containers: [[String]: KeyedDecodingContainer<RecipeKey>] = [[]: root]
    for field in RecipeField.all {
      let parent = Array(field.storedPath.dropLast())
      let container = try containers.container(parent)
      try field.access.decode(into: &self, from: container, as: field.key)
    }
    // Before there was a side for embeddings, and one at the beginning, both were that of the views. Within the limits, so that
    // a wrong side is told once.
    let limits = RecipeLimits.imageSize
    let side = min(max(imageSize, limits.lowerBound), limits.upperBound)
    if embeddingSize == 0 { embeddingSize = side }
    if startingSize == 0 { startingSize = side }
  }

  /// Writes every field.
  public func encode(to encoder: any Encoder) throws {
    var root = encoder.container(keyedBy: RecipeKey.self)
    try root.encode(formatVersion, forKey: Recipe.versionKey)
    try root.encode(pictures, forKey: Recipe.picturesKey)
    if classes > 0 { try root.encode(classes, forKey: Recipe.classesKey) }
    var containers: [[String]: KeyedEncodingContainer<RecipeKey>] = [[]: root]
    for field in RecipeField.all {
      var container = containers.container(Array(field.storedPath.dropLast()))
      try field.access.encode(self, to: &container, as: field.key)
    }
  }
}

extension RecipeField {
  fileprivate var key: RecipeKey { RecipeKey(storedPath.last ?? name) }
}

extension [[String]: KeyedDecodingContainer<RecipeKey>] {
  /// The container of a path, made on the first call; nil where the stored recipe lacks it.
  fileprivate mutating func container(
    _ path: [String]
  ) throws -> KeyedDecodingContainer<RecipeKey>? {
    if let known = self[path] { return known }
    guard let last = path.last, let parent = try container(path.dropLast()),
      parent.contains(RecipeKey(last))
    else { return nil }
    let container = try parent.nestedContainer(keyedBy: RecipeKey.self, forKey: RecipeKey(last))
    self[path] = container
    return container
  }
}

extension [[String]: KeyedEncodingContainer<RecipeKey>] {
  /// The container of a path, made on the first call.
  fileprivate mutating func container(_ path: [String]) -> KeyedEncodingContainer<RecipeKey> {
    if let known = self[path] { return known }
    var parent = container(path.dropLast())
    let container = parent.nestedContainer(
      keyedBy: RecipeKey.self, forKey: RecipeKey(path.last ?? ""))
    self[path] = container
    return container
  }
}
