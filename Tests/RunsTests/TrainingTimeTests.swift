import Durability
import Foundation
import Identifiers
import RunDatabase
import Synchronization
import Testing
import Training

@testable import Runs

/// Time that a test sets by hand: that of the day and the monotonic one.
private final class HandClock: Sendable {
  private let milliseconds: Mutex<Int64>
  private let begin = ContinuousClock().now
  private let firstMillisecond: Int64

  /// A clock that shows an hour of 2 January 1970 in UTC.
  init(hour: Int64) {
    firstMillisecond = (24 + hour) * 3_600_000
    milliseconds = Mutex(firstMillisecond)
  }

  func advance(hours: Double) { milliseconds.withLock { $0 += Int64(hours * 3_600_000) } }

  var timeOfDay: Timestamp { Timestamp(milliseconds: milliseconds.withLock { $0 }) }

  var instant: ContinuousClock.Instant {
    begin + .milliseconds(milliseconds.withLock { $0 } - firstMillisecond)
  }
}

/// How long the runs of a key may train per day. Workers are the harness's, the hours a clock's that is set by hand.
@Suite(.timeLimit(.minutes(3))) struct TrainingTimeTests {
  private let clock = HandClock(hour: 10)
  private let harness: RunHarness

  init() throws { harness = try RunHarness() }

  private func coordinator(
    _ behaviour: FakeWorker.Behaviour = .goesOn, hours: Double = 8
  ) throws -> RunCoordinator {
    let clock = clock
    return try harness.coordinator(
      behaviour,
      adjust: { settings in
        settings.trainingSecondsPerDay = { $0 == "alice" ? hours * 3600 : nil }
        settings.silenceLimit = .seconds(1_000_000)
        settings.stopLimit = .seconds(1_000_000)
      }, now: { clock.timeOfDay }, instant: { clock.instant })
  }

  private func create(_ coordinator: RunCoordinator, _ owner: String? = "alice") async throws
    -> Identifier
  {
    try await coordinator.create(try RunHarness.submission(owner: owner)).record.run.id
  }

  @Test
  func `a run stops with a checkpoint when its owner's day is used up, and goes on the next day`()
    async throws
  {
    let coordinator = try coordinator()
    let id = try await create(coordinator)
    try await coordinator.sees("checkpoint", id)
    // Seven hours are fewer than eight: whoever may go on does.
    clock.advance(hours: 7)
    try await coordinator.sees("checkpoint", count: 7, id)
    // Counted with the first report after the clock was set, which may come after the last checkpoint.
    _ = try await eventually { try await coordinator.usedHours("alice") == 7 }
    #expect(try await coordinator.record(id).status.state == .running)
    clock.advance(hours: 1.5)
    let stopped = try await coordinator.reaches(.stopped, id)
    #expect(stopped.reason?.code == "training_time_used_up")
    #expect(stopped.reason?.detail.contains("1970-01-03T00:00:00.000Z") == true)
    #expect(stopped.checkpointStep == 7)
    // Neither this run nor another one of the owner; another owner may.
    await #expect(throws: RunControlError.self) { try await coordinator.start(id) }
    await #expect(throws: RunControlError.self) { try await create(coordinator) }
    let other = try await create(coordinator, "bob")
    _ = try await coordinator.reaches(.running, other)
    _ = try await coordinator.stop(other, now: true)
    _ = try await coordinator.reaches(.stopped, other)
    // The next day begins at midnight in UTC.
    clock.advance(hours: 5)
    await #expect(throws: RunControlError.self) { try await coordinator.start(id) }
    clock.advance(hours: 1)
    #expect(try await coordinator.trainingAllowance(of: "alice")?.usedSeconds == 0)
    _ = try await coordinator.start(id)
    let again = try await coordinator.reaches(.running, count: 2, id)
    #expect(again.checkpointStep == 7 && again.reason == nil)
    await coordinator.end(within: .seconds(10))
  }

  @Test func `what was trained outlives the service and the run`() async throws {
    let first = try coordinator()
    let id = try await create(first)
    try await first.sees("checkpoint", id)
    clock.advance(hours: 6)
    _ = try await first.stop(id, now: false)
    _ = try await first.reaches(.stopped, id)
    try await first.delete(id)
    await first.end(within: .seconds(10))
    let second = try coordinator()
    try await second.begin()
    #expect(try await second.usedHours("alice") == 6)
    let next = try await create(second)
    try await second.sees("checkpoint", next)
    clock.advance(hours: 2)
    #expect(
      try await second.reaches(.stopped, next).reason?.code == "training_time_used_up")
    await second.end(within: .seconds(10))
  }

  @Test func `a run whose turn comes after the day is used up leaves the queue`() async throws {
    let coordinator = try coordinator()
    let running = try await create(coordinator)
    let waiting = try await create(coordinator)
    let other = try await create(coordinator, "bob")
    try await coordinator.sees("checkpoint", running)
    clock.advance(hours: 9)
    _ = try await coordinator.reaches(.stopped, running)
    _ = try await coordinator.reaches(.running, other)
    _ = try await coordinator.stop(other, now: true)
    let left = try await coordinator.reaches(.stopped, waiting)
    #expect(left.reason?.code == "training_time_used_up" && left.checkpointStep == nil)
    await coordinator.end(within: .seconds(10))
  }

  @Test func `a day that ends while a run trains begins anew, and nobody's runs have no bound`()
    async throws
  {
    let coordinator = try coordinator(hours: 8)
    let id = try await create(coordinator)
    try await coordinator.sees("checkpoint", id)
    clock.advance(hours: 7)
    _ = try await eventually { try await coordinator.usedHours("alice") == 7 }
    // From 17 o'clock to 1 o'clock: counted for the day on which it is reported.
    clock.advance(hours: 7.5)
    _ = try await eventually { try await coordinator.usedHours("alice") == 7.5 }
    #expect(try await coordinator.record(id).status.state == .running)
    #expect(try harness.store.trainingSeconds(of: "alice", on: 1).rounded() == 7 * 3600)
    #expect(try await coordinator.trainingAllowance(of: "bob") == nil)
    await coordinator.end(within: .seconds(10))
  }

  @Test(arguments: StoreKind.allCases)
  func `a store adds by owner and day, and forgets days of more than a month ago`(
    kind: StoreKind
  ) throws {
    let store = try kind.make(in: harness.folder)
    try store.addTraining(1.5, of: "alice", on: 100)
    try store.addTraining(2, of: "alice", on: 100)
    try store.addTraining(4, of: "bob", on: 100)
    #expect(try store.trainingSeconds(of: "alice", on: 100) == 3.5)
    #expect(try store.trainingSeconds(of: "alice", on: 101) == 0)
    try store.addTraining(1, of: "alice", on: 131)
    #expect(try store.trainingSeconds(of: "bob", on: 100) == 4)
    try store.addTraining(1, of: "alice", on: 132)
    #expect(try store.trainingSeconds(of: "bob", on: 100) == 0)
  }

  @Test func `days are those of UTC, before 1970 too`() {
    for (milliseconds, day) in [
      (0, 0), (86_399_999, 0), (86_400_000, 1), (-1, -1), (-86_400_000, -1),
    ] {
      #expect(TrainingLedger.day(of: Timestamp(milliseconds: Int64(milliseconds))) == Int64(day))
    }
    #expect(TrainingLedger.end(of: 0).description == "1970-01-02T00:00:00.000Z")
  }

  @Test func `little is written at once, and nothing is lost at the end`() {
    var ledger = TrainingLedger()
    ledger.open("alice", on: 1, seconds: 100)
    #expect(ledger.add(4, to: "alice", isLast: false) == 0)
    #expect(ledger.add(5, to: "alice", isLast: false) == 0)
    #expect(ledger.add(2, to: "alice", isLast: false) == 11)
    // What the store did not take is due again.
    #expect(ledger.add(1, to: "alice", isLast: false) == 12)
    ledger.saved("alice")
    #expect(ledger.add(0.5, to: "alice", isLast: true) == 0.5)
    #expect(ledger.seconds(of: "alice", on: 1) == 112.5)
    #expect(ledger.seconds(of: "alice", on: 2) == nil)
    #expect(ledger.unsaved(of: "alice", before: 2)?.seconds == 0.5)
  }

  /// Asks until it is so; the suite's limit of time ends it otherwise.
  private func eventually(_ isSo: () async throws -> Bool) async throws {
    while try await !isSo() { try await Task.sleep(for: .milliseconds(5)) }
  }
}

extension RunCoordinator {
  fileprivate func usedHours(_ owner: String) throws -> Double? {
    // Of a difference of instants in attoseconds the last bit is rounded.
    try trainingAllowance(of: owner).map { $0.usedSeconds.rounded() / 3600 }
  }
}
