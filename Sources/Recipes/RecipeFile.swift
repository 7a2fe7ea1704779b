import JSONTree

/// Why a stored recipe cannot be used.
public enum RecipeFileError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A newer version of this product wrote it.
  case newerFormat(found: Int, known: Int)
  /// It is not a recipe.
  case malformed(reason: String)

  /// The error as a sentence.
  public var description: String {
    switch self {
    case .newerFormat(let found, let known):
      "The recipe has format version \(found); this program knows up to \(known)."
    case .malformed(let reason): "This is not a recipe: \(reason)."
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

  /// A recipe from what `encoded` gave.
  ///
  /// - Throws: `RecipeFileError`.
  public init(decoding bytes: [UInt8]) throws(RecipeFileError) {
    struct Version: Decodable {
      var formatVersion: Int
    }
    do {
      let version = try JSONCoding.decode(Version.self, from: bytes).formatVersion
      guard version <= Recipe.currentFormatVersion else {
        throw RecipeFileError.newerFormat(found: version, known: Recipe.currentFormatVersion)
      }
      self = try JSONCoding.decode(Recipe.self, from: bytes)
    } catch let error as RecipeFileError {
      throw error
    } catch {
      throw .malformed(reason: "\(error)")
    }
  }
}
