import HTTP
import Identifiers
import JSONTree
import Runs

/// `/v1/runs/{id}/metrics`
struct MetricsHandlers: Sendable {
  let runs: any RunControl
  let cache: ReplyCache

  func get(_ request: Request) async throws -> Response {
    try request.allowQuery("keys", "since", "max_points")
    let id = try request.runID()
    let keys = try self.keys(request)
    let format = try request.negotiated(["application/json", "text/csv"])
    let since = try request.integer("since", in: 0...(.max)) ?? -1
    let count = try request.integer("max_points", in: 2...10_000) ?? 1000
    let record = try await runs.record(id)
    let tag =
      "\"\(runs.serviceInstance)/\(record.status.version)/\(format == "text/csv" ? "c" : "j")\""
    let shown = format == "text/csv" ? "text/csv; charset=utf-8" : format
    return try await request.polled(etag: tag, by: cache, format: shown) {
      let samples = try await runs.metrics(id, since: since, maximumCount: count)
      return format == "text/csv" ? csv(keys, samples) : columns(id, keys, samples).encoded
    }
  }

  private func keys(_ request: Request) throws(APIError) -> [MetricKey] {
    guard let text = request.query("keys") else { return MetricKey.allCases }
    var keys: [MetricKey] = []
    for word in text.split(separator: ",", omittingEmptySubsequences: false) where word != "step" {
      guard let key = MetricKey(rawValue: String(word)) else {
        let words = MetricKey.allCases.map(\.rawValue).joined(separator: ", ")
        throw .parameter("keys", "\(clipped(String(word))) is not one of \(words).")
      }
      if !keys.contains(key) { keys.append(key) }
    }
    return keys
  }

  private func columns(_ id: Identifier, _ keys: [MetricKey], _ samples: [MetricSample])
    -> JSONValue
  {
    var columns: JSONObject = ["step": .array(samples.map { .integer(Int64($0.step)) })]
    for key in keys { columns[key.rawValue] = .array(samples.map { number($0.value(key)) }) }
    return [
      "object": "metrics", "run": .string(id.description), "points": .integer(Int64(samples.count)),
      "last_step": whole(samples.last?.step), "columns": .object(columns),
    ]
  }

  private func csv(_ keys: [MetricKey], _ samples: [MetricSample]) -> [UInt8] {
    var text = (["step"] + keys.map(\.rawValue)).joined(separator: ",") + "\r\n"
    for sample in samples {
      let values = keys.map { key in sample.value(key).map { $0.isFinite ? "\($0)" : "" } ?? "" }
      text += (["\(sample.step)"] + values).joined(separator: ",") + "\r\n"
    }
    return Array(text.utf8)
  }
}
