import Evaluation
import Foundation
import Identifiers
import Recipes
import Runs
import Synchronization
import Training

/// Ascending identifiers for this file's runs.
private let identifiers = IdentifierSource()

/// Runs in memory: the rules of `RunControl` without processes.
final class FakeRuns: RunControl {
  struct State {
    var records: [Identifier: RunRecord] = [:]
    var samples: [Identifier: [MetricSample]] = [:]
    var events: [Identifier: [RunEvent]] = [:]
    var keys: [String: (digest: String, reply: RunRecord)] = [:]
    /// What is measured.
    var measurement = RunMeasurement(imagesPerSecond: 100, memoryBytes: 300 << 20)
    /// How often somebody measured.
    var measurements = 0
    var signals: [Identifier: [AsyncStream<Void>.Continuation]] = [:]
    var revision = 0
    var queueLimit = 100
    /// What `create` refuses with.
    var refusal: RunControlError?
    /// What owners may train.
    var allowances: [String: TrainingAllowance] = [:]
    /// What the last worker said.
    var confinement: ReportedConfinement?
    /// How often a page of runs was asked for.
    var pages = 0
  }

  let serviceInstance = "start-1"
  private static let active: Set<RunState> = [.queued, .running, .stopping]
  let state = Mutex(State())
  private let folder: String

  init(folder: String) { self.folder = folder }

  func trainingAllowance(of owner: String) async throws -> TrainingAllowance? {
    state.withLock { $0.allowances[owner] }
  }

  var latestConfinement: ReportedConfinement? { state.withLock { $0.confinement } }

  func create(_ submission: RunSubmission) async throws -> (record: RunRecord, isNew: Bool) {
    try state.withLock { state in
      if let refusal = state.refusal { throw refusal }
      if let (key, digest) = submission.idempotency, let known = state.keys[key] {
        guard known.digest == digest else {
          throw RunControlError.idempotencyConflict(key: key)
        }
        return (known.reply, false)
      }
      guard state.records.count < state.queueLimit else {
        throw RunControlError.queueFull(limit: state.queueLimit)
      }
      let id = identifiers.next(at: .now())
      let run = Run(
        id: id, name: submission.name, metadata: submission.metadata, dataset: submission.dataset,
        recipe: submission.recipe, resources: submission.resources,
        initialModel: submission.initialModel?.name, owner: submission.owner, createdAt: .now())
      let record = RunRecord(
        run: run, status: RunStatus(queuedAt: .now(), recipe: submission.recipe),
        metrics: RunFigures.declared(by: submission.recipe))
      state.records[id] = record
      state.revision += 1
      if let (key, digest) = submission.idempotency { state.keys[key] = (digest, record) }
      return (record, true)
    }
  }

  func earlierReply(key: String, bodyDigest: String) async throws -> RunRecord? {
    try state.withLock { state in
      guard let known = state.keys[key] else { return nil }
      guard known.digest == bodyDigest else { throw RunControlError.idempotencyConflict(key: key) }
      return known.reply
    }
  }

  func record(_ id: Identifier) async throws -> RunRecord { try known(id) }

  func page(state wanted: RunState?, limit: Int, after: Identifier?) async throws -> RunPage {
    state.withLock { $0.pages += 1 }
    let all = state.withLock { Array($0.records.values) }
      .sorted { $0.run.id > $1.run.id }
      .filter { record in wanted.map { $0 == record.status.state } ?? true }
      .filter { record in after.map { record.run.id < $0 } ?? true }
    return RunPage(records: Array(all.prefix(limit)), hasMore: all.count > limit)
  }

  func counts() async throws -> [RunState: Int] {
    state.withLock { Dictionary(grouping: $0.records.values, by: \.status.state) }
      .mapValues(\.count)
  }

  func stop(_ id: Identifier, now: Bool) async throws -> (record: RunRecord, changed: Bool) {
    let state = try known(id).status.state
    switch state {
    case .stopped: return (try known(id), false)
    case .succeeded, .failed:
      throw RunControlError.conflict(id, state: state, detail: "It has ended.")
    default: return (try set(id, now ? .stopped : .stopping), true)
    }
  }

  func start(_ id: Identifier) async throws -> (record: RunRecord, changed: Bool) {
    let state = try known(id).status.state
    switch state {
    case .queued, .running: return (try known(id), false)
    case .succeeded, .stopping:
      throw RunControlError.conflict(id, state: state, detail: "It is \(state.rawValue).")
    default: return (try set(id, .queued), true)
    }
  }

  func rename(
    _ id: Identifier, name: String?, metadata: [String: String]?, ifVersion: Int?
  ) async throws -> RunRecord {
    var record = try known(id)
    if let ifVersion, ifVersion != record.status.version {
      throw RunControlError.versionMismatch(current: record.status.version)
    }
    record.run.name = name ?? record.run.name
    record.run.metadata = metadata ?? record.run.metadata
    record.status.version += 1
    state.withLock { $0.records[id] = record }
    return record
  }

  func delete(_ id: Identifier) async throws {
    let state = try known(id).status.state
    guard !FakeRuns.active.contains(state) else {
      throw RunControlError.conflict(id, state: state, detail: "Stop it first.")
    }
    self.state.withLock { state in
      state.records[id] = nil
      state.revision += 1
    }
  }

  func metrics(_ id: Identifier, since step: Int, maximumCount: Int) async throws -> [MetricSample]
  {
    _ = try known(id)
    return state.withLock { ($0.samples[id] ?? []).filter { $0.step > step } }
  }

  func events(_ id: Identifier, after sequence: Int64?, order: EventOrder, limit: Int) async throws
    -> [RunEvent]
  {
    _ = try known(id)
    let all = state.withLock { $0.events[id] ?? [] }
    let page =
      order == .oldestFirst
      ? all.filter { $0.sequence > sequence ?? .min }
      : all.reversed().filter { $0.sequence < sequence ?? .max }
    return Array(page.prefix(limit))
  }

  func eventSignals(_ id: Identifier) async throws -> AsyncStream<Void> {
    _ = try known(id)
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
    state.withLock { $0.signals[id, default: []].append(continuation) }
    return stream
  }

  func measure(_ recipe: Recipe, dataset: String, resources: RunResources) async throws
    -> RunMeasurement
  {
    state.withLock { state in
      state.measurements += 1
      return state.measurement
    }
  }

  var revision: Int { state.withLock { $0.revision } }

  /// Adds an event and tells the streams.
  func add(_ event: RunEvent) {
    let signals = state.withLock { state in
      state.events[event.run, default: []].append(event)
      return state.signals[event.run] ?? []
    }
    for signal in signals { signal.yield() }
  }

  /// Ends the streams, as the end of the service does.
  func endStreams() {
    for signal in state.withLock({ $0.signals.values.flatMap(\.self) }) { signal.finish() }
  }

  func isInUse(dataset: String) async throws -> Bool {
    state.withLock { state in
      state.records.values.contains {
        $0.run.dataset == dataset && FakeRuns.active.contains($0.status.state)
      }
    }
  }

  func directory(of id: Identifier) -> String { folder + "/" + id.description }

  /// Brings a run into a state.
  @discardableResult
  func set(
    _ id: Identifier, _ new: RunState, at time: Timestamp = .now(),
    health: CollapseVerdict.Health? = nil
  ) throws -> RunRecord {
    var record = try known(id)
    record.status.state = new
    record.status.since = time
    if let health {
      record.status.health = RunHealth(verdict: health, evidence: "", advice: "")
    }
    record.status.version += 1
    state.withLock { state in
      state.records[id] = record
      state.revision += 1
    }
    return record
  }

  /// Tells of a checkpoint, as the coordinator does when a worker reports it.
  func wrote(_ id: Identifier, step: Int, best: Int? = nil) throws {
    var record = try known(id)
    record.status.checkpointStep = step
    record.status.bestStep = best ?? record.status.bestStep
    record.status.checkpointAt = Timestamp.now()
    record.status.version += 1
    let event = RunEvent(
      run: id, at: .now(), kind: "checkpoint", state: record.status.state, step: step)
    state.withLock { state in
      state.records[id] = record
      state.revision += 1
      var event = event
      event.sequence = (state.events[id]?.last?.sequence ?? 0) + 1
      state.events[id, default: []].append(event)
    }
  }

  private func known(_ id: Identifier) throws -> RunRecord {
    guard let record = state.withLock({ $0.records[id] }) else {
      throw RunControlError.notFound(id)
    }
    return record
  }
}
