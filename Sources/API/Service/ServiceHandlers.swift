import Access
import Durability
import EmbeddingService
import HTTP
import Identifiers
import JSONTree
import Metrics
import Recipes
import Runs

/// Health, metrics, the contract and the build.
struct ServiceHandlers: Sendable {
  let runs: any RunControl
  let embeddings: EmbeddingService
  let metrics: ServiceMetrics
  let readiness: Readiness
  let facts: ServiceFacts
  let disk: DiskUsage
  let contract: [UInt8]
  let files: StaticFiles
  let access: AccessControl?

  func live(_ request: Request) -> Response { plain("ok\n") }

  func ready(_ request: Request) async throws -> Response {
    guard readiness.isReady else {
      throw APIError(.draining, "The service is starting or shutting down.", retryAfter: 5)
    }
    return plain("ok\n")
  }

  private func plain(_ text: String) -> Response {
    var response = Response.text(text)
    response.headers.set("Cache-Control", "no-store")
    return response
  }

  func info(_ request: Request) async throws -> Response {
    var limits = JSONObject()
    for (name, value) in facts.limits.sorted(by: { $0.key < $1.key }) {
      limits[name] = whole(value)
    }
    return request.conditionalJSON([
      "name": "byol", "version": .string(facts.version),
      "started_at": .string(facts.startedAt.description), "threads": whole(facts.threads),
      "limits": .object(limits),
    ])
  }

  func openAPI(_ request: Request) async throws -> Response {
    Response(contentType: "application/yaml", bytes: contract)
  }

  func dashboard(_ request: Request) async throws -> Response {
    try files.response(to: request)
  }

  func prometheus(_ request: Request) async throws -> Response {
    var page = PrometheusPage()
    page.family("byol_build_info", "gauge", "The build.")
    page.sample(
      "byol_build_info", 1,
      [("version", facts.version), ("commit", facts.build.commit ?? "unknown")])
    metrics.write(to: &page)
    page.family("byol_embed_queue_images", "gauge", "Pictures waiting or being embedded.")
    page.sample("byol_embed_queue_images", Double(embeddings.waitingCount))
    try await write(runs: runs, to: &page)
    access?.write(to: &page)
    if let space = DiskSpace(at: disk.folder) {
      page.family("byol_disk_total_bytes", "gauge", "The data folder's file system.")
      page.sample("byol_disk_total_bytes", Double(space.totalByteCount))
      page.family("byol_disk_free_bytes", "gauge", "What may still be written to it.")
      page.sample("byol_disk_free_bytes", Double(space.freeByteCount))
    }
    ProcessFigures.current.write(to: &page)
    return Response(
      contentType: "text/plain; version=0.0.4; charset=utf-8", bytes: Array(page.text.utf8))
  }
}

/// Counts of runs by state, and what is known of those that run.
private func write(runs: any RunControl, to page: inout PrometheusPage) async throws {
  page.family("byol_runs", "gauge", "Runs in each state.")
  let counts = try await runs.counts()
  for state in RunState.allCases {
    page.sample("byol_runs", Double(counts[state] ?? 0), [("state", state.rawValue)])
  }
  let running = try await runs.page(state: .running, limit: 100, after: nil).records
  page.family(
    "byol_train_steps_total", "counter",
    "Updates done; falls back to the checkpoint's where a worker is replaced.")
  for record in running {
    page.sample("byol_train_steps_total", Double(record.status.progress.step), record.label)
  }
  page.family(
    "byol_checkpoint_last_success_timestamp_seconds", "gauge",
    "When the newest checkpoint was written.")
  for record in running {
    guard let time = record.status.checkpointAt else { continue }
    page.sample(
      "byol_checkpoint_last_success_timestamp_seconds", Double(time.milliseconds) / 1000,
      record.label)
  }
  writeMetrics(of: running, to: &page)
}

/// The metrics that running runs declare, a family each.
private func writeMetrics(of running: [RunRecord], to page: inout PrometheusPage) {
  var written: Set<String> = ["byol_train_steps_total"]
  for metric in running.flatMap(\.metrics) {
    // Only counters end in `_total`, by Prometheus' convention.
    let isNamedTotal = metric.name.hasSuffix("_total")
    let suffix = metric.kind == .counter && !isNamedTotal ? "_total" : ""
    let name = "byol_train_\(metric.name)\(suffix)"
    guard written.insert(name).inserted else { continue }
    let unit = metric.unit.isEmpty ? "" : " In \(metric.unit)."
    page.family(name, metric.kind.rawValue, metric.sentence + unit)
    for record in running where record.metrics.contains(where: { $0.name == metric.name }) {
      guard let value = record.status.metrics?[metric] else { continue }
      page.sample(name, value, record.label)
    }
  }
}

extension RunRecord {
  fileprivate var label: [(String, String)] { [("run", run.id.description)] }
}
