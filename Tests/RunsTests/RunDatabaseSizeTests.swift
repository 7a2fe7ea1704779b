import Foundation
import Identifiers
import Metrics
import RunDatabase
import Runs
import Testing
import Training

/// Ascending identifiers for this file's runs.
private let identifiers = IdentifierSource()

private let isWanted = ProcessInfo.processInfo.environment["BYOL_SLOW_TESTS"] != nil

/// Runs where `BYOL_SLOW_TESTS` is set: a minute of filling, then the figures.
@Suite(.enabled(if: isWanted, "BYOL_SLOW_TESTS is not set")) struct `Run database at size` {
  private func median(_ name: String, _ body: () throws -> Void) rethrows -> Duration {
    var times: [Duration] = []
    for _ in 0..<9 {
      let start = ContinuousClock.now
      try body()
      times.append(ContinuousClock.now - start)
    }
    print("\(name): \(times.sorted()[4])")
    return times.sorted()[4]
  }

  @Test func `ten thousand runs and a million samples are answered at once`() throws {
    let folder = try TemporaryFolder()
    let store = try SQLiteRunStore(path: folder.path + "/byol.sqlite")
    let ids = try (0..<10_000).map { try insert(at: Int64($0), into: store) }
    #expect(
      try median("a page of 20 of 10,000 runs") {
        _ = try store.page(state: nil, limit: 20, after: ids[5000])
      } < .milliseconds(5))
    #expect(
      try median("one of 10,000 runs") { _ = try store.record(ids[7000]) } < .milliseconds(5))
    for start in stride(from: 0, to: 1_000_000, by: 50_000) {
      try store.append((start..<start + 50_000).map(sample), to: ids[1])
    }
    let record = try #require(try store.record(ids[1]))
    #expect(
      try median("a second's writing: the record and five samples") {
        _ = try store.update(
          record, events: [], samples: (1_000_000..<1_000_005).map(sample))
      } < .milliseconds(50))
    #expect(
      try median("1,000 of 1,000,000 samples") {
        _ = try store.metrics(of: ids[1], since: 0, maximumCount: 1000)
      } < .milliseconds(100))
  }

  private func insert(at milliseconds: Int64, into store: SQLiteRunStore) throws -> Identifier {
    let time = Timestamp(milliseconds: 1_700_000_000_000 + milliseconds)
    let recipe = try RunHarness.recipe()
    let run = Run(
      id: identifiers.next(at: time), name: "", metadata: [:], dataset: "d", recipe: recipe,
      createdAt: time)
    var status = RunStatus(queuedAt: time, recipe: recipe)
    status.state = .succeeded
    let event = RunEvent(run: run.id, at: time, kind: "created", state: .succeeded)
    let record = RunRecord(
      run: run, status: status, metrics: RunFigures.declared(by: recipe))
    _ = try store.insert(record, event: event, idempotency: nil)
    return run.id
  }

  private func sample(_ step: Int) -> MetricSample {
    let value = Double(step &* 2_654_435_761 % 1000) / 1000
    return MetricSample(
      step: step + 1, at: Timestamp(milliseconds: Int64(step)),
      values: MetricValues(
        [
          "loss", "cosine", "learning_rate", "tau", "embedding_std", "images_per_second",
          "view_wait_share",
        ],
        [value, 1 - value, 0.1, 0.99, value / 10, 50 + value, value / 3]))
  }
}
