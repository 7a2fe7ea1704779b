import Checkpoints
import Foundation
import Identifiers
import Runs
import Synchronization
import Testing

/// Ascending identifiers for this file's runs.
private let identifiers = IdentifierSource()

/// Order, position and estimate of runs that wait, whatever the clock does.
@Suite(.timeLimit(.minutes(1))) struct `Run queue` {
  /// A clock that tests set.
  private final class Clock: Sendable {
    private let time: Mutex<Timestamp>

    init(_ time: Timestamp = .now()) { self.time = Mutex(time) }

    var now: Timestamp { time.withLock { $0 } }
    func jump(seconds: Double) { time.withLock { $0 = $0.adding(seconds: seconds) } }
  }

  @Test func `the order outlives a restart and a clock that was set back`() async throws {
    let (harness, clock) = (try RunHarness(), Clock())
    let first = try harness.coordinator(.goesOn, now: { clock.now })
    var ids: [Identifier] = []
    for _ in 0..<4 {
      ids.append(try await first.create())
      clock.jump(seconds: -3600)
    }
    // The one that was stopped and started again goes to the end.
    _ = try await first.stop(ids[1], now: false)
    _ = try await first.start(ids[1])
    await first.end(within: .seconds(10))
    let next = try harness.coordinator(.goesOn, now: { clock.now })
    try await next.begin()
    var positions: [Int?] = []
    for id in ids { positions.append(try await next.record(id).status.queuePosition) }
    #expect(positions == [nil, 2, 0, 1])
    await next.end(within: .seconds(10))
  }

  @Test func `a new run is the newest, also where the clock was set back since the last`()
    async throws
  {
    let harness = try RunHarness()
    let ahead = Timestamp.now().adding(seconds: 3600)
    let run = Run(
      id: identifiers.next(at: ahead), name: "", metadata: [:], dataset: "pictures",
      recipe: try RunHarness.recipe(), createdAt: ahead)
    var status = RunStatus(queuedAt: ahead, recipe: run.recipe)
    status.state = .succeeded
    let event = RunEvent(run: run.id, at: ahead, kind: "created", state: .succeeded)
    _ = try harness.store.insert(
      RunRecord(run: run, status: status), event: event, idempotency: nil)
    let coordinator = try harness.coordinator(.goesOn)
    try await coordinator.begin()
    let id = try await coordinator.create()
    let page = try await coordinator.page(state: nil, limit: 1, after: nil)
    #expect(id > run.id && page.records.map(\.run.id) == [id])
    await coordinator.end(within: .seconds(10))
  }

  @Test func `the estimated start adds up the runs before, where their speeds are known`()
    async throws
  {
    let (harness, clock) = (try RunHarness(), Clock(Timestamp(milliseconds: 1_800_000_000_000)))
    let coordinator = try harness.coordinator(.goesOn, now: { clock.now })
    let running = try await coordinator.create()
    let (second, third) = (try await coordinator.create(), try await coordinator.create())
    try await coordinator.sees("checkpoint", running)
    // The worker says 80 pictures a second: 64 pictures are done within a minute.
    let minute = Timestamp(milliseconds: clock.now.milliseconds + 60_000)
    for id in [second, third] {
      #expect(try await coordinator.record(id).status.estimatedStart == minute)
    }
    let page = try await coordinator.page(state: .queued, limit: 10, after: nil)
    #expect(page.records.map(\.status.estimatedStart) == [minute, minute])
    #expect(try await coordinator.record(running).status.estimatedStart == nil)
    // Stored it would be wrong a moment later.
    #expect(try harness.store.record(second)?.status.estimatedStart == nil)
    await coordinator.end(within: .seconds(10))
  }

  @Test func `without a known speed there is no estimate`() async throws {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.hangs)
    let running = try await coordinator.create()
    let waiting = try await coordinator.create()
    try await coordinator.sees("worker_started", running)
    #expect(try await coordinator.record(waiting).status.estimatedStart == nil)
    await coordinator.end(within: .milliseconds(50))
  }
}
