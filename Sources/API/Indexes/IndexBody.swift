import Datasets
import HTTP
import Identifiers
import JSONTree
import Retrieval

extension IndexRecord: ListedRecord {
  /// The index as the API shows it.
  var json: JSONValue {
    func time(_ time: Timestamp?) -> JSONValue { time.map { .string($0.description) } ?? .null }
    func number(_ value: Int?) -> JSONValue { value.map { .integer(Int64($0)) } ?? .null }
    return [
      "object": "index", "id": .string(id.description), "name": .string(name),
      "dataset": .string(dataset), "model": .string(model),
      "storage": .string((storage ?? .float32).rawValue), "created_at": time(createdAt),
      "started_at": time(startedAt), "ended_at": time(endedAt), "state": .string(state.rawValue),
      "reason": reason.map(JSONValue.string) ?? .null,
      "progress": progress.map {
        [
          "done": number($0.done), "total": number($0.total), "rejected": number($0.rejected),
          "reused": number($0.reused),
        ]
      } ?? .null,
      "items": number(manifest?.items), "rejected": number(manifest?.rejected),
      "dimension": number(manifest?.dimension),
      "fingerprint": manifest.map { .string($0.fingerprint) } ?? .null,
      "precision": manifest.map { .string($0.precision) } ?? .null,
    ]
  }
}

/// Neighbours as the API shows them: the items, with the addresses of their pictures.
/// `base` is the base path of all addresses.
func neighbours(
  _ found: [Neighbour], _ index: VectorIndex, dataset: String, base: String
) -> JSONValue {
  .array(found.map { hit($0.row, score: $0.score, index, dataset, base) })
}

/// An item as the API shows it; with its score where it was found.
func hit(
  _ row: Int, score: Float?, _ index: VectorIndex, _ dataset: String, _ base: String
) -> JSONValue {
  let item = index.item(row)
  let image = "\(base)/v1/datasets/\(dataset)/images/\(item.picture)"
  var members: JSONObject = [
    "object": "item", "item": .integer(Int64(row)), "name": .string(item.name),
    "label": item.label.map(JSONValue.string) ?? .null, "split": .string(item.split.name),
    "image": .string(image), "thumbnail": .string(image + "?size=128"),
  ]
  // As short as float32 reads back.
  if let score { members["score"] = .number(Double(score.description) ?? Double(score)) }
  return .object(members)
}
