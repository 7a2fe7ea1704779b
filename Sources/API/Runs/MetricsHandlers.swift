import HTTP
import Identifiers
import JSONTree
import Metrics
import Runs

/// `/v1/runs/{id}/metrics`
struct MetricsHandlers: Sendable {
  let runs: any RunControl
  let cache: ReplyCache

  func get(_ request: Request) async throws -> Response {
    try request.allowQuery("keys", "since", "max_points")
    let id = try request.runID()
    let format = try request.negotiated(["application/json", "text/csv"])
    let since = try request.integer("since", in: 0...(.max)) ?? -1
    let count = try request.integer("max_points", in: 2...10_000) ?? 1000
    let record = try await runs.record(id)
    let metrics = try self.metrics(request, of: record)
    let tag =
      "\"\(runs.serviceInstance)/\(record.status.version)/\(format == "text/csv" ? "c" : "j")\""
    let shown = format == "text/csv" ? "text/csv; charset=utf-8" : format
    return try await request.polled(etag: tag, by: cache, format: shown) {
      let samples = try await runs.metrics(id, since: since, maximumCount: count)
      return format == "text/csv" ? csv(metrics, samples) : columns(id, metrics, samples).encoded
    }
  }

  /// The metrics that `keys` names, or all that the run declares.
  private func metrics(_ request: Request, of record: RunRecord) throws(APIError) -> [Metric] {
    guard let text = request.query("keys") else { return record.metrics }
    var wanted: [Metric] = []
    for word in text.split(separator: ",", omittingEmptySubsequences: false) {
      if MetricLimits.columns.contains(String(word)) { continue }
      guard let metric = record.metrics.first(where: { $0.name == word }) else {
        let words = record.metrics.map(\.name).joined(separator: ", ")
        throw .parameter("keys", "\(clipped(String(word))) is not one of \(words).")
      }
      if !wanted.contains(metric) { wanted.append(metric) }
    }
    return wanted
  }

  private func seconds(_ time: Timestamp) -> Double { Double(time.milliseconds) / 1000 }

  private func columns(_ id: Identifier, _ metrics: [Metric], _ samples: [MetricSample])
    -> JSONValue
  {
    var columns: JSONObject = [
      "step": .array(samples.map { .integer(Int64($0.step)) }),
      "time": .array(samples.map { .number(seconds($0.at)) }),
    ]
    for metric in metrics {
      columns[metric.name] = .array(samples.map { number($0.values[metric]) })
    }
    return [
      "object": "metrics", "run": .string(id.description),
      "metrics": .array(metrics.map(\.json)), "points": whole(samples.count),
      "last_step": whole(samples.last?.step), "columns": .object(columns),
    ]
  }

  private func csv(_ metrics: [Metric], _ samples: [MetricSample]) -> [UInt8] {
    var text = (["step", "time"] + metrics.map(\.name)).joined(separator: ",") + "\r\n"
    for sample in samples {
      let values = metrics.map { metric in sample.values[metric].map { "\($0)" } ?? "" }
      text +=
        (["\(sample.step)", "\(seconds(sample.at))"] + values).joined(separator: ",") + "\r\n"
    }
    return Array(text.utf8)
  }
}

extension Metric {
  /// The declaration as the API shows it.
  var json: JSONValue {
    [
      "name": .string(name), "title": .string(title), "sentence": .string(sentence),
      "unit": .string(unit), "minimum": number(minimum), "maximum": number(maximum),
      "reference": number(reference), "kind": .string(kind.rawValue),
    ]
  }
}
