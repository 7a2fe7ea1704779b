public import Datasets
public import Identifiers
public import Recipes

/// A dataset as the library knows it; stored as `dataset.json` beside its pack.
public struct DatasetRecord: Sendable, Hashable, Codable {
  /// A UUID of version 7, as runs have.
  public let id: String
  /// A name for people.
  public internal(set) var name: String
  /// When it was admitted.
  public let createdAt: Timestamp
  /// Pictures in the pack.
  public let pictures: Int
  /// Pictures of each label.
  public let labels: [String: Int]
  /// Pictures of each split.
  public let splits: [String: Int]
  /// Bytes on disk.
  public let sizeBytes: Int
  /// What runs learn from.
  public let size: DatasetSize
  /// The `Idempotency-Key` it came with.
  public var idempotency: IdempotencyMark?
  /// The name of the key that made it; nil where the service had no keys.
  public var owner: String?
}

/// For whom a dataset is admitted.
public struct DatasetClaim: Sendable, Hashable {
  /// The name of the key that asks; nil where the service has no keys.
  public var owner: String?
  /// Bytes that all datasets of the owner may take together; nil for no bound.
  public var byteLimit: Int?

  /// A claim; by default nobody's, without a bound.
  public init(owner: String? = nil, byteLimit: Int? = nil) {
    self.owner = owner
    self.byteLimit = byteLimit
  }

  /// Why a dataset beyond the limit is not kept.
  var exceeded: DatasetLibraryError {
    .quotaExceeded(owner: owner ?? "", limit: max(0, byteLimit ?? 0))
  }
}

/// A dataset on its way: it has no record yet.
public struct AdmittingDataset: Sendable, Hashable {
  /// The identifier that the dataset will have.
  public let id: String
  /// A name for people.
  public let name: String
  /// When its admission began.
  public let beganAt: Timestamp
  /// How far it is.
  public var progress = AdmissionProgress()
}

/// One entry of a listing.
public enum ListedDataset: Sendable, Hashable {
  /// A dataset that runs can learn from.
  case admitted(DatasetRecord)
  /// A dataset on its way.
  case admitting(AdmittingDataset)

  /// Its identifier.
  public var id: String {
    switch self {
    case .admitted(let record): record.id
    case .admitting(let dataset): dataset.id
    }
  }
}

/// The `Idempotency-Key` of a request that made something.
public struct IdempotencyMark: Sendable, Hashable, Codable {
  /// The key as the client chose it.
  public let key: String
  /// SHA-256 of the request's body.
  public let bodyDigest: String

  /// The mark of a request with a key and a body.
  public init(key: String, bodyDigest: String) {
    self.key = key
    self.bodyDigest = bodyDigest
  }
}
