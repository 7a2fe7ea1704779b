import Datasets
import Foundation
import Images
import JSONTree
import Testing

/// `/metrics` of the real service, and the alerts and the dashboard that are made of it.
@Suite struct PrometheusTests {
  /// Debian's package `prometheus` has it.
  private static let promtool = ["/usr/bin/promtool", "/usr/local/bin/promtool"]
    .first { FileManager.default.isExecutableFile(atPath: $0) }
  private static let isThere = promtool != nil

  private func check(
    _ arguments: [String], input: String = "", in folder: String = "/"
  ) throws -> (status: Int32, text: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(Self.promtool))
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    let (given, told) = (Pipe(), Pipe())
    (process.standardInput, process.standardOutput, process.standardError) = (given, told, told)
    try process.run()
    try given.fileHandleForWriting.write(contentsOf: Data(input.utf8))
    try given.fileHandleForWriting.close()
    let text = String(decoding: try told.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, text)
  }

  /// What a service tells that has embedded, refused and trained.
  private func page() async throws -> String {
    let folder = try FreshFolder()
    let service = try await ServiceProcess(data: folder.path + "/data")
    let run = try await service.start(epochs: 1000)
    try await service.wait(for: run, step: 8)
    let picture = try DemoPictures(seed: 7, side: 32).picture(at: 0).png()
    _ = try await eventually("an embedding") {
      let answer = try await service.call(
        "POST", "/v1/embeddings?model=latest", type: "image/png", body: picture)
      return answer.status == 200 ? true : nil
    }
    _ = try await service.call("POST", "/v1/embeddings", type: "image/png", body: Array("x".utf8))
    _ = try await service.call("BREW", "/")
    let text = String(decoding: try await service.call("GET", "/metrics").bytes, as: UTF8.self)
    #expect(service.end(SIGTERM) == 0)
    return text
  }

  private static let promised = [
    "byol_http_requests_total", "byol_http_request_duration_seconds", "byol_http_in_flight",
    "byol_http_rejected_total", "byol_embed_images_total", "byol_embed_stage_seconds",
    "byol_embed_batch_images", "byol_embed_queue_images", "byol_image_decode_errors_total",
    "byol_runs", "byol_train_steps_total", "byol_train_images_per_second", "byol_train_loss",
    "byol_train_cosine", "byol_train_embedding_std",
    "byol_checkpoint_last_success_timestamp_seconds", "process_cpu_seconds_total",
    "process_start_time_seconds", "process_resident_memory_bytes", "process_open_fds",
    "process_max_fds", "byol_build_info", "byol_disk_free_bytes", "byol_disk_total_bytes",
  ]

  @Test(.timeLimit(.minutes(5)))
  func `every promised name is there, and all that the alerts and the dashboard read`()
    async throws
  {
    let text = try await page()
    let families = Set(text.matches(of: #/# TYPE (\S+) /#).map { String($0.1) })
    for name in Self.promised { #expect(families.contains(name), "\(name)") }
    for part in [
      "byol_http_rejected_total{reason=", "outcome=\"embedded\"", "byol_embed_batch_images_bucket",
    ] { #expect(text.contains(part), "\(part)") }
    for name in ["prometheus/byol-alerts.yml", "grafana/byol.json"] {
      let file = try String(contentsOfFile: repositoryPath("deploy/" + name), encoding: .utf8)
      let read = Set(file.matches(of: #/\b(?:byol|process)_[a-z_]+\b/#).map { String($0.0) })
      #expect(read.count > 5)
      for metric in read {
        let family = metric.replacing(#/_(bucket|sum|count)$/#, with: "")
        #expect(families.contains(family) || families.contains(metric), "\(name): \(metric)")
      }
    }
    guard Self.isThere else { return }
    let verdict = try check(["check", "metrics"], input: text)
    #expect(verdict.status == 0 && verdict.text.isEmpty, "\(verdict.text)")
  }

  @Test(.enabled(if: isThere, "needs promtool, of Debian's prometheus"))
  func `promtool objects to what is no metric`() throws {
    #expect(
      try check(["check", "metrics"], input: "# TYPE a_total gauge\na_total 1\n").status != 0)
  }

  @Test(.enabled(if: isThere, "needs promtool, of Debian's prometheus"))
  func `the alerts are rules, and fire where they should only`() throws {
    let folder = repositoryPath("deploy/prometheus")
    let rules = try check(["check", "rules", "byol-alerts.yml"], in: folder)
    #expect(rules.status == 0, "\(rules.text)")
    let tests = try check(["test", "rules", "byol-alerts-test.yml"], in: folder)
    #expect(tests.status == 0, "\(tests.text)")
  }

  @Test(.enabled(if: isThere, "needs promtool, of Debian's prometheus"))
  func `an alert that is changed fails its test`() throws {
    let folder = try FreshFolder()
    let source = repositoryPath("deploy/prometheus")
    let alerts = try String(contentsOfFile: source + "/byol-alerts.yml", encoding: .utf8)
    let changed = alerts.replacing("up{job=\"byol\"} == 0", with: "up{job=\"byol\"} == 2")
    #expect(changed != alerts)
    try changed.write(
      toFile: folder.path + "/byol-alerts.yml", atomically: true, encoding: .utf8)
    try FileManager.default.copyItem(
      atPath: source + "/byol-alerts-test.yml", toPath: folder.path + "/byol-alerts-test.yml")
    #expect(try check(["test", "rules", "byol-alerts-test.yml"], in: folder.path).status != 0)
  }

  @Test func `the dashboard of Grafana is JSON whose panels ask something`() throws {
    let bytes = try Data(
      contentsOf: URL(fileURLWithPath: repositoryPath("deploy/grafana/byol.json")))
    let dashboard = try #require(try JSONValue(parsing: Array(bytes)).objectValue)
    let panels = try #require(dashboard["panels"]?.arrayValue)
    #expect(panels.count >= 10)
    var ids: Set<Int64> = []
    for panel in panels {
      let panel = try #require(panel.objectValue)
      #expect(ids.insert(try #require(panel["id"]?.integerValue)).inserted)
      let targets = try #require(panel["targets"]?.arrayValue)
      #expect(targets.allSatisfy { $0.objectValue?["expr"]?.stringValue?.isEmpty == false })
    }
  }
}
