public import Identifiers
public import NeuralNetworks

/// A model that is kept beside the runs: one that was uploaded, or the copy of a checkpoint that an alias names.
public struct ModelRecord: Codable, Hashable, Sendable {
  /// Where a model comes from.
  public enum Origin: Codable, Hashable, Sendable {
    /// Somebody sent it.
    case upload
    /// A run's checkpoint; the run may be gone.
    case checkpoint(run: Identifier, runName: String, step: Int)
  }

  /// Its name, ascending with time.
  public let id: Identifier
  /// A name for people, which requests may use too.
  public let name: String
  /// When it was kept.
  public let createdAt: Timestamp
  /// Where it comes from.
  public let origin: Origin
  /// The network.
  public let architecture: EncoderConfiguration.Architecture
  /// Components of an embedding.
  public let dimension: Int
  /// Side of the square that pictures are brought to, in pixels.
  public let inputSize: Int
  /// The digest of weights and preprocessing.
  public let fingerprint: String
  /// Bytes on the disk.
  public let byteCount: Int
}

/// A name that a person gave to a model, and may give to another one.
public struct ModelAlias: Codable, Hashable, Sendable {
  /// The name.
  public let name: String
  /// The model that it means.
  public let model: Identifier
  /// Since when.
  public let since: Timestamp

  /// The longest name, in characters.
  public static let nameLength = 64
  /// Names with a meaning of their own.
  public static let reserved = ["default", "latest", "best"]

  /// Whether a text can be a name: letters, digits, `.`, `_` and `-` of ASCII, of which the first is a letter or a digit; no identifier, and
  /// not reserved.
  public static func isName(_ text: String) -> Bool {
    let isPlain = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "-"):
        true
      default: false
      }
    }
    return isPlain && (1...nameLength).contains(text.utf8.count)
      && !["." as Character, "_", "-"].contains(text.first) && Identifier(text) == nil
      && !reserved.contains(text)
  }
}

/// What is uploaded, besides the weights.
public struct ModelDescription: Sendable {
  /// A name for people.
  public var name: String
  /// Side of the square that pictures are brought to, in pixels; only for a file that does not say it.
  public var imageSize: Int?
  /// The mean of each channel, 0…1; only for a file that does not say it.
  public var mean: [Float]?
  /// The deviation of each channel; only for a file that does not say it.
  public var deviation: [Float]?

  /// A model under a name.
  public init(name: String) { self.name = name }
}

/// What may be kept.
public struct ModelLibraryLimits: Sendable {
  /// The longest model file, in bytes.
  public var fileByteCount = 1 << 30
  /// Models at most: those that were uploaded and the checkpoints that aliases name.
  public var models = 100
  /// Aliases at most.
  public var aliases = 100

  /// The defaults.
  public init() {}
}

/// Why the library refuses something.
public enum ModelLibraryError: Error, Hashable, Sendable, CustomStringConvertible {
  /// There is no such model or alias.
  case notFound(String)
  /// The text cannot be an alias.
  case notAName(String)
  /// The file is longer than allowed.
  case tooLarge(limit: Int)
  /// As many as are allowed are kept; the word says of what.
  case tooMany(String, limit: Int)
  /// The file cannot be used; each tensor at fault with a few words.
  case rejected(String, tensors: [Fault] = [])
  /// Aliases name the model.
  case inUse(Identifier, aliases: [String])
  /// The alias exists, or means another model than the caller thinks.
  case changed(String)

  /// The file of aliases does not read back.
  case damaged(String)

  /// A sentence for who starts the service; the API has its own for requests.
  public var description: String {
    switch self {
    case .damaged(let path):
      "The aliases in \(path) do not read back. Put the file of a backup in its place; without it, the checkpoints that only an alias keeps are removed."
    case .notFound(let name): "There is no model or alias \(name)."
    case .notAName(let text): "“\(text)” cannot be an alias."
    case .tooLarge(let limit): "The file has more than \(limit) bytes."
    case .tooMany(let word, let limit): "There are \(limit) \(word) already."
    case .rejected(let reason, _): reason
    case .inUse(let id, let aliases):
      "The model \(id) is named by \(aliases.joined(separator: ", "))."
    case .changed(let name): "The alias \(name) has changed."
    }
  }

  /// A tensor that does not fit.
  public struct Fault: Hashable, Sendable {
    /// The tensor's name.
    public var tensor: String
    /// A word for programs.
    public var code: String
    /// A few words.
    public var detail: String
  }
}
