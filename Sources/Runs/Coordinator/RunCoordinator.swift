public import Checkpoints
public import Durability
import Foundation
public import Identifiers
import Synchronization
import Training

// The coordinator decides; workers compute; the store remembers.
//
// Every decision is a transition of `RunState`, made on this actor, written to the store, and only then
// answered or acted upon. A run that has its turn has a `RunTurn` and one task, `supervise`, which starts workers
// one after another and waits for each of them; nobody else starts or reaps one. Others only ask: `stop`
// writes `stopping` and signals the worker, and the task, when the worker has left, writes `stopped`.
// The lock file of a run's worker is held by the worker itself, so a coordinator that finds it locked
// knows that the worker of a service that died is still writing, and waits.

/// Accepts, queues, supervises and remembers runs. A data folder has one coordinator.
public actor RunCoordinator: RunControl {
  let settings: RunSettings
  let store: any RunStore
  /// Where the identifiers of new runs come from.
  let identifiers = IdentifierSource()
  let fileSystem: any FileSystem
  let packDirectory: @Sendable (_ dataset: String) -> String?
  let clock: RunClock
  /// Told of each event once it is written.
  private let observer: @Sendable (RunEvent, Run) -> Void
  nonisolated let runsDirectory: String
  /// Differs between any two starts of a service, for logs.
  public nonisolated let serviceInstance: String
  /// Held until the service has ended.
  var serviceLock: FileLock?

  /// Runs waiting for their turn, the next first.
  var queue = RunQueue()
  /// What runs of a shape were last seen to do, for estimates.
  var speeds = ObservedSpeeds()
  /// The runs that have their turn.
  var active: [Identifier: RunTurn] = [:]
  /// Records that were lately asked for, as the store has them.
  private var recent: [Identifier: RunRecord] = [:]
  private static let recentLimit = 256
  private nonisolated let changeCount = Atomic(0)
  /// The process of the present measurement; a newer one takes its place.
  var measuring: WorkerProcess?
  /// What the worker that started last said that the kernel holds it to.
  public internal(set) var latestConfinement: ReportedConfinement?
  /// What the runs of each owner have trained today.
  var ledger = TrainingLedger()
  var isEnding = false
  var listeners: [Identifier: [UUID: AsyncStream<Void>.Continuation]] = [:]

  /// A coordinator of the runs in a data folder; `begin` makes it act.
  ///
  /// - Parameters:
  ///   - dataDirectory: The data folder; it must exist. Runs are in its folder `runs`.
  ///   - store: Where runs are remembered; opened when the folder is this coordinator's.
  ///   - settings: How runs are treated.
  ///   - packDirectory: The folder of a dataset's pack, nil if there is no such dataset.
  ///   - fileSystem: The files of runs.
  ///   - clock: The time of day, and how long anything takes.
  ///   - observer: Told of each event once it is written, on the coordinator's actor: for logs.
  /// - Throws: `RunControlError.folderInUse` if another service uses the folder; `FileSystemError`; what opening
  ///   the store throws.
  public init(
    dataDirectory: String, store: @autoclosure () throws -> any RunStore, settings: RunSettings,
    packDirectory: @escaping @Sendable (_ dataset: String) -> String?,
    fileSystem: any FileSystem = DiskFileSystem(),
    clock: RunClock = RunClock(),
    observer: @escaping @Sendable (RunEvent, Run) -> Void = { _, _ in }
  ) throws {
    guard let lock = try FileLock(path: dataDirectory + "/service.lock") else {
      throw RunControlError.folderInUse(path: dataDirectory)
    }
    lock.note(process: getpid())
    serviceLock = lock
    runsDirectory = dataDirectory + "/runs"
    serviceInstance = String(UInt64.random(in: .min ... .max), radix: 36)
    (self.store, self.settings, self.packDirectory) = (try store(), settings, packDirectory)
    (self.fileSystem, self.clock, self.observer) = (fileSystem, clock, observer)
    try fileSystem.createDirectory(runsDirectory)
  }

  /// The run's directory: `recipe.json`, `checkpoints/`, `worker.log`.
  public nonisolated func directory(of id: Identifier) -> String { "\(runsDirectory)/\(id)" }

  /// The run's checkpoints.
  public nonisolated func checkpoints(of id: Identifier) -> CheckpointFolder {
    CheckpointFolder(directory: directory(of: id) + "/checkpoints")
  }
}

// MARK: - Reading

extension RunCoordinator {
  /// Goes up with every change of any run.
  public nonisolated var revision: Int { changeCount.load(ordering: .relaxed) }

  func countChange() { changeCount.add(1, ordering: .relaxed) }

  /// One run.
  public func record(_ id: Identifier) throws -> RunRecord {
    guard let record = try active[id]?.record ?? stored(id) else {
      throw RunControlError.notFound(id)
    }
    return asShown(record)
  }

  /// What the store has; asked once, since nobody else writes to it.
  private func stored(_ id: Identifier) throws -> RunRecord? {
    if let record = recent[id] { return record }
    let record = try store.record(id)
    if recent.count >= RunCoordinator.recentLimit { recent.removeAll() }
    recent[id] = record
    return record
  }

  /// The record with what follows from the queue; `starts` are the estimates, if they are known already.
  private func asShown(_ record: RunRecord, starts: [Timestamp?]? = nil) -> RunRecord {
    guard record.status.state == .queued, let position = queue.position(of: record.run.id) else {
      return record
    }
    var record = record
    record.status.queuePosition = position
    record.status.version += queue.shifts(of: record.run.id)
    record.status.estimatedStart = (starts ?? estimatedStarts(first: position + 1))[position]
    return record
  }

  /// Runs, newest first, older than `after`.
  public func page(state: RunState?, limit: Int, after: Identifier?) throws -> RunPage {
    var page = try store.page(state: state, limit: limit, after: after)
    let starts = estimatedStarts(first: .max)
    page.records = page.records.map { asShown(active[$0.run.id]?.record ?? $0, starts: starts) }
    return page
  }

  /// How many runs are in each state.
  public func counts() throws -> [RunState: Int] { try store.counts() }

  /// A run's history; what the store does not have yet is added to it.
  public func metrics(_ id: Identifier, since step: Int, maximumCount: Int) throws -> [MetricSample]
  {
    _ = try record(id)
    let stored = try store.metrics(of: id, since: step, maximumCount: maximumCount)
    guard let turn = active[id] else { return stored }
    let unsaved = turn.unsavedSamples.filter { $0.step > step }
    guard let first = unsaved.first else { return stored }
    return (stored.filter { $0.step < first.step } + unsaved)
      .downsampled(to: maximumCount, metrics: turn.record.metrics)
  }

  /// A page of a run's events, oldest or newest first.
  public func events(_ id: Identifier, after sequence: Int64?, order: EventOrder, limit: Int) throws
    -> [RunEvent]
  {
    _ = try record(id)
    return try store.events(of: id, after: sequence, order: order, limit: limit)
  }

  /// Says when a run has new events.
  public func eventSignals(_ id: Identifier) throws -> AsyncStream<Void> {
    _ = try record(id)
    let (stream, continuation) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let key = UUID()
    listeners[id, default: [:]][key] = continuation
    continuation.onTermination = { [weak self] _ in
      Task { await self?.removeListener(id, key) }
    }
    return stream
  }

  private func removeListener(_ id: Identifier, _ key: UUID) {
    listeners[id]?[key] = nil
    if listeners[id]?.isEmpty == true { listeners[id] = nil }
  }

  /// Whether a run that is not over learns from a dataset.
  public func isInUse(dataset: String) throws -> Bool {
    try store.records(in: [.queued, .running, .stopping, .interrupted])
      .contains { $0.run.dataset == dataset }
  }
}

// MARK: - Remembering

extension RunCoordinator {
  /// Writes a record with its events and samples, and tells the listeners.
  func save(_ record: RunRecord, _ events: [RunEvent], samples: [MetricSample] = []) throws {
    var stored = record
    stored.status.queuePosition = nil
    stored.status.estimatedStart = nil
    let numbered = try namingUnwritable {
      try store.update(stored, events: events, samples: samples)
    }
    active[record.run.id]?.replace(stored)
    recent[record.run.id] = stored
    countChange()
    tell(numbered, of: record.run)
  }

  /// Forgets a run that is removed.
  func forget(_ id: Identifier) {
    recent[id] = nil
    queue.remove(id)
    countChange()
    listeners[id]?.values.forEach { $0.finish() }
    listeners[id] = nil
  }

  /// Says of a folder that cannot be written that it cannot, wherever below it was met.
  func namingUnwritable<Value>(_ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch let error as FileSystemError where error.isDiskFull {
      throw RunControlError.diskFull
    } catch let error as FileSystemError where error.isNotWritable {
      throw RunControlError.notWritable
    }
  }

  /// Tells whoever listens to a run of its new events.
  func tell(_ events: [RunEvent], of run: Run) {
    guard !events.isEmpty else { return }
    for event in events { observer(event, run) }
    listeners[run.id]?.values.forEach { $0.yield() }
  }
}
