public import BYOL
import Datasets
import Foundation
import JSONTree
public import Runs

/// A dataset as the library knows it; stored as `dataset.json` beside its pack.
public struct DatasetRecord: Sendable, Hashable, Codable {
  /// A UUID of version 7, as runs have.
  public let id: String
  /// A name for people.
  public let name: String
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
}

/// A dataset on its way: it has no record yet.
struct AdmittingDataset: Sendable, Hashable {
  let id: String
  let name: String
  let beganAt: Timestamp
  var progress = AdmissionProgress()

  /// As a dataset that has what was admitted so far.
  var json: JSONValue {
    [
      "object": "dataset", "id": .string(id), "name": .string(name),
      "created_at": .string(beganAt.description), "state": "admitting",
      "progress": [
        "entries": .integer(Int64(progress.entries)),
        "accepted": .integer(Int64(progress.accepted)),
        "rejected": .integer(Int64(progress.rejected)),
        "pack_bytes": .integer(Int64(progress.byteCount)),
      ],
      "pictures": .integer(Int64(progress.accepted)), "labels": [:], "splits": [:],
      "size_bytes": .integer(Int64(progress.byteCount)),
    ]
  }
}

/// The `Idempotency-Key` of a request that made something.
public struct IdempotencyMark: Sendable, Hashable, Codable {
  /// The key as the client chose it.
  public let key: String
  /// SHA-256 of the request's body.
  public let bodyDigest: String
}

extension DatasetRecord {
  /// The dataset as the API shows it; lists leave the report out.
  func json(report: JSONValue? = nil) -> JSONValue {
    var object: JSONObject = [
      "object": "dataset", "id": .string(id), "name": .string(name),
      "created_at": .string(createdAt.description), "state": "ready",
      "pictures": .integer(Int64(pictures)),
      "labels": counts(labels), "splits": counts(splits), "size_bytes": .integer(Int64(sizeBytes)),
      "training_pictures": .integer(Int64(size.pictures)),
      "median_short_side": .integer(Int64(size.medianShortSide)),
      "channels": .integer(Int64(size.channels)),
    ]
    if let report { object["report"] = report }
    return .object(object)
  }

  private func counts(_ values: [String: Int]) -> JSONValue {
    var object = JSONObject()
    for key in values.keys.sorted() { object[key] = whole(values[key]) }
    return .object(object)
  }
}
