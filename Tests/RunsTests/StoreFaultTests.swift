import Checkpoints
import Durability
import Foundation
import Glibc
import Identifiers
import Runs
import Synchronization
import Testing

/// A store whose N-th write fails once, as a full disk does until somebody makes room.
private final class FaultyStore: RunStore {
  struct Fault: Error {}

  private let memory = MemoryRunStore()
  private let left: Mutex<Int>

  init(failing: Int) { left = Mutex(failing) }

  var hasFailed: Bool { left.withLock { $0 <= 0 } }

  private func count() throws {
    let isFault = left.withLock { left in
      left -= 1
      return left == 0
    }
    if isFault { throw Fault() }
  }

  func insert(_ record: RunRecord, event: RunEvent, idempotency: IdempotencyEntry?) throws
    -> RunEvent
  {
    try count()
    return try memory.insert(record, event: event, idempotency: idempotency)
  }

  func update(_ record: RunRecord, events: [RunEvent], samples: [MetricSample]) throws
    -> [RunEvent]
  {
    try count()
    return try memory.update(record, events: events, samples: samples)
  }

  func remove(_ id: Identifier) throws {
    try count()
    try memory.remove(id)
  }

  func removeMetrics(of id: Identifier, after step: Int) throws {
    try count()
    try memory.removeMetrics(of: id, after: step)
  }

  func addTraining(_ seconds: Double, of owner: String, on day: Int64) throws {
    try count()
    try memory.addTraining(seconds, of: owner, on: day)
  }

  func trainingSeconds(of owner: String, on day: Int64) throws -> Double {
    try memory.trainingSeconds(of: owner, on: day)
  }

  func record(_ id: Identifier) throws -> RunRecord? { try memory.record(id) }
  func page(state: RunState?, limit: Int, after: Identifier?) throws -> RunPage {
    try memory.page(state: state, limit: limit, after: after)
  }
  func records(in states: Set<RunState>) throws -> [RunRecord] { try memory.records(in: states) }
  func counts() throws -> [RunState: Int] { try memory.counts() }
  func metrics(of id: Identifier, since step: Int, maximumCount: Int) throws -> [MetricSample] {
    try memory.metrics(of: id, since: step, maximumCount: maximumCount)
  }
  func events(of id: Identifier, after sequence: Int64?, order: EventOrder, limit: Int) throws
    -> [RunEvent]
  {
    try memory.events(of: id, after: sequence, order: order, limit: limit)
  }
  func idempotencyEntry(_ key: String) throws -> IdempotencyEntry? {
    try memory.idempotencyEntry(key)
  }
}

@Suite(.timeLimit(.minutes(2))) struct `Store faults` {
  /// The life of a run: created, stopped in between, started, done, deleted. Every request may fail once
  /// and is then repeated.
  private func live(_ coordinator: RunCoordinator) async throws {
    let id = try await insistently { try await coordinator.create() }
    try await coordinator.sees("worker_started", id)
    _ = try await insistently { try await coordinator.stop(id, now: true) }
    _ = try await coordinator.reaches(.stopped, id)
    _ = try await insistently { try await coordinator.start(id) }
    let status = try await coordinator.reaches(.succeeded, id)
    #expect(status.progress.step == 8)
    try await insistently { try await coordinator.delete(id) }
    #expect(try await coordinator.page(state: nil, limit: 10, after: nil).records.isEmpty)
  }

  private func insistently<Value: Sendable>(_ request: () async throws -> Value) async throws
    -> Value
  {
    do {
      return try await request()
    } catch is FaultyStore.Fault {
      return try await request()
    }
  }

  @Test func `whichever write fails, the run goes its way and nothing is left behind`() async throws
  {
    var failing = 1
    while true {
      let store = FaultyStore(failing: failing)
      let harness = try RunHarness(store: store)
      let coordinator = try harness.coordinator(.waitsAtFirst)
      try await live(coordinator)
      #expect(
        try DiskFileSystem().names(in: harness.folder.path + "/runs").isEmpty, "write \(failing)")
      guard store.hasFailed else { break }
      failing += 1
    }
    #expect(failing > 8)
  }

  @Test func `a run that cannot be recorded leaves no folder`() async throws {
    let harness = try RunHarness(store: FaultyStore(failing: 1))
    let coordinator = try harness.coordinator(.finishes)
    await #expect(throws: FaultyStore.Fault.self) { try await coordinator.create() }
    #expect(try DiskFileSystem().names(in: harness.folder.path + "/runs").isEmpty)
    #expect(try await coordinator.counts().isEmpty)
  }
}
