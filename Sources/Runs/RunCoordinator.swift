import BYOL
public import Checkpoints
import Foundation
import Synchronization

// The coordinator decides; workers compute; the store remembers.
//
// Every decision is a transition of `RunState`, made on this actor, written to the store, and only then
// answered or acted upon. A run that has its turn has one task, `supervise`, which starts workers one
// after another and waits for each of them; nobody else starts or reaps one. Others only ask: `stop`
// writes `stopping` and signals the worker, and the task, when the worker has left, writes `stopped`.
// The lock file of a run's worker is held by the worker itself, so a coordinator that finds it locked
// knows that the worker of a service that died is still writing, and waits.

/// Accepts, queues, supervises and remembers runs. One coordinator a data folder.
public actor RunCoordinator: RunControl {
  /// A run that has its turn.
  struct ActiveRun {
    /// What callers see; ahead of the store by at most a second of progress.
    var record: RunRecord
    var worker: WorkerProcess?
    var task: Task<Void, Never>?
    /// The pause before a replacement, cancelled by a request to stop.
    var backoff: Task<Void, Never>?
    /// What the store has not yet taken.
    var pendingSamples: [MetricSample] = []
    var pendingEvents: [RunEvent] = []
    var lastFlush = ContinuousClock.now
    /// The last report of kind `finished` or `failed` of the present worker.
    var lastWord: WorkerReport?
  }

  let settings: RunSettings
  let store: any RunStore
  let fileSystem: any FileSystem
  let packDirectory: @Sendable (_ dataset: String) -> String?
  let now: @Sendable () -> Timestamp
  let pause: @Sendable (Duration) async throws -> Void
  nonisolated let runsDirectory: String
  /// Differs between any two starts of a service, for logs.
  public nonisolated let serviceInstance: String
  /// Held until the service has ended.
  var serviceLock: FileLock?

  /// Runs waiting for their turn, the next first.
  private(set) var queue: [RunID] = []
  /// How often a waiting run has moved up: its version counts that too.
  private var queueShifts: [RunID: Int] = [:]
  var active: [RunID: ActiveRun] = [:]
  var isEnding = false
  var listeners: [RunID: [UUID: AsyncStream<RunEvent>.Continuation]] = [:]

  /// A coordinator of the runs in a data folder; `begin` makes it act.
  ///
  /// - Parameters:
  ///   - dataDirectory: The data folder; it must exist. Runs are in its folder `runs`.
  ///   - store: Where runs are remembered.
  ///   - settings: How runs are treated.
  ///   - packDirectory: The folder of a dataset's pack, nil if there is no such dataset.
  ///   - fileSystem: The files of runs.
  ///   - now: The time of day, for people only: nothing is decided by it.
  ///   - pause: Waits before a crashed worker is replaced, or a failed write is tried again.
  /// - Throws: `RunControlError.folderInUse` if another service uses the folder; `FileSystemError`.
  public init(
    dataDirectory: String, store: any RunStore, settings: RunSettings,
    packDirectory: @escaping @Sendable (_ dataset: String) -> String?,
    fileSystem: any FileSystem = DiskFileSystem(),
    now: @escaping @Sendable () -> Timestamp = { Timestamp.now() },
    pause: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  ) throws {
    guard let lock = try FileLock(path: dataDirectory + "/service.lock") else {
      throw RunControlError.folderInUse(path: dataDirectory)
    }
    lock.note(process: getpid())
    serviceLock = lock
    runsDirectory = dataDirectory + "/runs"
    serviceInstance = String(UInt64.random(in: .min ... .max), radix: 36)
    (self.store, self.settings, self.packDirectory) = (store, settings, packDirectory)
    (self.fileSystem, self.now, self.pause) = (fileSystem, now, pause)
    try fileSystem.createDirectory(runsDirectory)
  }

  /// The run's directory: `recipe.json`, `checkpoints/`, `worker.log`.
  public nonisolated func directory(of id: RunID) -> String { "\(runsDirectory)/\(id)" }

  /// The run's checkpoints.
  public nonisolated func checkpoints(of id: RunID) -> CheckpointFolder {
    CheckpointFolder(directory: directory(of: id) + "/checkpoints")
  }
}

// MARK: - Reading

extension RunCoordinator {
  /// One run.
  public func record(_ id: RunID) throws -> RunRecord {
    guard var record = try active[id]?.record ?? store.record(id) else {
      throw RunControlError.notFound(id)
    }
    addQueuePosition(to: &record)
    return record
  }

  private func addQueuePosition(to record: inout RunRecord) {
    record.status.queuePosition = queue.firstIndex(of: record.run.id)
    record.status.version += queueShifts[record.run.id] ?? 0
  }

  /// Runs, newest first, older than `after`.
  public func page(state: RunState?, limit: Int, after: RunID?) throws -> RunPage {
    var page = try store.page(state: state, limit: limit, after: after)
    for (index, record) in page.records.enumerated() {
      let id = record.run.id
      if let live = active[id]?.record { page.records[index] = live }
      addQueuePosition(to: &page.records[index])
    }
    return page
  }

  /// How many runs are in each state.
  public func counts() throws -> [RunState: Int] { try store.counts() }

  /// A run's history.
  public func metrics(_ id: RunID, since step: Int, maximumCount: Int) throws -> [MetricSample] {
    _ = try record(id)
    if active[id] != nil { try flush(id) }
    return try store.metrics(of: id, since: step, maximumCount: maximumCount)
  }

  /// A run's events after a sequence number, in order.
  public func events(_ id: RunID, after sequence: Int64, limit: Int) throws -> [RunEvent] {
    _ = try record(id)
    return try store.events(of: id, after: sequence, limit: limit)
  }

  /// A run's events after a sequence number, then each new one as it happens.
  public func eventStream(_ id: RunID, after sequence: Int64) throws -> AsyncStream<RunEvent> {
    let past = try events(id, after: sequence, limit: .max)
    let (stream, continuation) = AsyncStream<RunEvent>.makeStream()
    for event in past { continuation.yield(event) }
    let key = UUID()
    listeners[id, default: [:]][key] = continuation
    continuation.onTermination = { [weak self] _ in
      Task { await self?.removeListener(id, key) }
    }
    return stream
  }

  private func removeListener(_ id: RunID, _ key: UUID) {
    listeners[id]?[key] = nil
    if listeners[id]?.isEmpty == true { listeners[id] = nil }
  }

  /// Whether a run that is not over learns from a dataset.
  public func isInUse(dataset: String) throws -> Bool {
    try store.records(in: [.queued, .running, .stopping, .interrupted])
      .contains { $0.run.dataset == dataset }
  }
}

// MARK: - The queue

extension RunCoordinator {
  /// Replaces the whole queue, the next run first.
  func setQueue(_ ids: [RunID]) { (queue, queueShifts) = (ids, [:]) }

  func enterQueue(_ id: RunID) { queue.append(id) }

  /// Takes a run out of the queue, if it is in it; those behind it move up.
  func leaveQueue(_ id: RunID) {
    guard let index = queue.firstIndex(of: id) else { return }
    for behind in queue[(index + 1)...] { queueShifts[behind, default: 0] += 1 }
    queue.remove(at: index)
    queueShifts[id] = nil
  }
}

// MARK: - Remembering

extension RunCoordinator {
  /// Writes a record with its events and tells the listeners.
  func save(_ record: RunRecord, _ events: [RunEvent]) throws {
    var stored = record
    stored.status.queuePosition = nil
    let numbered = try namingFullDisk { try store.update(stored, events: events) }
    if active[record.run.id] != nil { active[record.run.id]?.record = stored }
    tell(numbered)
  }

  /// Says of a full disk that it is one, wherever below it was met.
  func namingFullDisk<Value>(_ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch let error as FileSystemError where error.isDiskFull {
      throw RunControlError.diskFull
    }
  }

  func tell(_ events: [RunEvent]) {
    for event in events {
      listeners[event.run]?.values.forEach { $0.yield(event) }
    }
  }

  /// The record in another state, and the event that says so.
  func moved(_ record: RunRecord, to state: RunState, reason: RunReason?) -> (RunRecord, RunEvent) {
    var record = record
    let time = now()
    record.status.state = state
    record.status.since = time
    record.status.reason = reason
    record.status.version += 1
    if state != .running {
      record.status.progress.etaSeconds = nil
      record.status.progress.imagesPerSecond = nil
    }
    let event = RunEvent(run: record.run.id, at: time, kind: "state", state: state, reason: reason)
    return (record, event)
  }

  func event(_ kind: String, _ record: RunRecord, _ reason: RunReason? = nil) -> RunEvent {
    RunEvent(
      run: record.run.id, at: now(), kind: kind, state: record.status.state, reason: reason)
  }

  /// Writes the progress that is only in memory; what is not taken stays.
  func flush(_ id: RunID) throws {
    guard let run = active[id] else { return }
    active[id]?.lastFlush = .now
    if !run.pendingSamples.isEmpty {
      try store.append(run.pendingSamples, to: id)
      active[id]?.pendingSamples = []
    }
    try save(run.record, run.pendingEvents)
    active[id]?.pendingEvents = []
  }
}
