import API
import Foundation
import Identifiers
import JSONTree
import Logging
import Runs
import Synchronization
import Testing
import Training

/// Keeps what is logged.
private final class Lines: Sendable {
  private let kept = Mutex<[(level: Logger.Level, text: String)]>([])

  func add(_ level: Logger.Level, _ text: String) { kept.withLock { $0.append((level, text)) } }

  /// The texts at a level or above.
  func texts(from level: Logger.Level = .info) -> [String] {
    kept.withLock { $0.filter { $0.level >= level }.map(\.text) }
  }
}

private struct LineHandler: LogHandler {
  let lines: Lines
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.trace
  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let extra = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    lines.add(event.level, (["\(event.message)"] + extra).joined(separator: " "))
  }
}

/// What a person who looks into the service's log finds.
@Suite struct ServiceLogTests {
  private let lines = Lines()

  private var logger: Logger {
    let lines = lines
    return Logger(label: "test") { _ in LineHandler(lines: lines) }
  }

  @Test(
    arguments: [
      ("created", RunState.queued, nil, nil, "was created", Logger.Level.info),
      ("state", .running, nil, nil, "is running.", .info),
      ("state", .succeeded, nil, nil, "has succeeded.", .info),
      ("state", .failed, "crashed", nil, "has failed: It fell.", .warning),
      ("worker_started", .running, nil, 7, "trains from update 7 on", .info),
      ("worker_exited", .running, "crashed", nil, "lost its worker: It fell.", .warning),
      ("checkpoint", .running, nil, 7, "a checkpoint at update 7", .debug),
      ("health", .running, "suspect", nil, "is judged suspect: It fell.", .warning),
      ("health", .running, "healthy", nil, "is judged healthy", .info),
      ("metrics", .running, "metric_not_declared", nil, "It fell.", .warning),
    ] as [(String, RunState, String?, Int?, String, Logger.Level)])
  func `what happens to a run is one line`(
    kind: String, state: RunState, code: String?, step: Int?, words: String, level: Logger.Level
  ) async throws {
    let world = try World()
    var run = try await world.runs.record(try await world.run()).run
    run.name = "first\nsecond"
    let event = RunEvent(
      run: run.id, at: .now(), kind: kind, state: state,
      reason: code.map { RunReason(code: $0, detail: "It fell.") }, step: step)
    ServiceLog(logger).write(event, of: run)
    let text = try #require(lines.texts(from: level).first)
    #expect(lines.texts(from: .trace).count == 1)
    #expect(
      text.hasPrefix("Run first second ") && text.contains(words) && text.contains("run=\(run.id)"))
  }

  @Test func `admissions, removals and refusals are one line each, questions none`() async throws {
    let world = try World(logger: logger)
    let dataset = try await world.dataset()
    #expect(lines.texts().count == 1 && lines.texts()[0].contains("was admitted: 600 pictures"))
    _ = try await world.call("POST", "/v1/runs", json: ["dataset": .string(dataset), "epoch": 1])
    #expect(lines.texts().count == 2)
    #expect(lines.texts()[1].contains("POST /v1/runs was refused: epoch"))
    #expect(lines.texts()[1].contains("code=invalid_field"))
    _ = try await world.call("DELETE", "/v1/datasets/\(dataset)")
    #expect(
      lines.texts().count == 3 && lines.texts()[2].contains("/v1/datasets/\(dataset) was deleted."))
    _ = try await world.call("GET", "/v1/runs")
    _ = try await world.call("GET", "/v1/datasets/\(dataset)")
    #expect(lines.texts().count == 3)
  }
}
