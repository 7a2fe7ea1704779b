import DatasetLibrary
import Datasets
import Identifiers
import JSONTree
import Recipes

extension ListedDataset {
  /// The dataset as lists show it.
  var json: JSONValue {
    switch self {
    case .admitted(let record): record.json()
    case .admitting(let dataset): dataset.json
    }
  }
}

extension ListedPicture {
  /// The picture as a listing of a dataset's pictures shows it.
  func json(dataset: String) -> JSONValue {
    [
      "n": .integer(Int64(number)), "name": .string(name),
      "label": label.map { .string($0) } ?? .null, "split": .string(split.name),
      "width": .integer(Int64(width)), "height": .integer(Int64(height)),
      "image": .string("/v1/datasets/\(dataset)/images/\(number)"),
    ]
  }
}

extension AdmittingDataset {
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
    object["created_by"] = owner.map { .string($0) } ?? .null
    if let report { object["report"] = report }
    return .object(object)
  }

  private func counts(_ values: [String: Int]) -> JSONValue {
    var object = JSONObject()
    for key in values.keys.sorted() { object[key] = whole(values[key]) }
    return .object(object)
  }
}
