public import Durability
import Evaluation
public import Identifiers
import JSONTree
import Synchronization

/// Evaluations: one at a time, each in a process of its own, in the order in which they were asked for.
///
/// An evaluation is a file, `evaluations/ID.json` in the folder of its run, or of its model where that belongs to no run, so that
/// it goes with it. Where the service ends, those that are not over are failed at its next start.
public actor EvaluationQueue: EvaluationControl {
  /// Starts a process for an evaluation.
  public typealias Start =
    @Sendable (_ submission: EvaluationSubmission) throws ->
    any EvaluationProcess

  private let (runs, models): (String, String)
  private let fileSystem: any FileSystem
  private let limits: EvaluationQueueLimits
  private let now: @Sendable () -> Timestamp
  private let start: Start
  private let identifiers = IdentifierSource()
  private var records: [Identifier: EvaluationRecord] = [:]
  private var waiting: [(id: Identifier, submission: EvaluationSubmission)] = []
  private var running: (id: Identifier, process: any EvaluationProcess, task: Task<Void, Never>)?
  private var isEnding = false

  /// A queue over the folders of the runs, `runDirectory`/RUN, and of the library's models, `modelDirectory`/MODEL, with what is
  /// stored there.
  ///
  /// A file that does not read back is left alone. Evaluations that were under way have failed.
  public init(
    runDirectory: String, modelDirectory: String,
    fileSystem: any FileSystem = DiskFileSystem(),
    limits: EvaluationQueueLimits = EvaluationQueueLimits(),
    now: @escaping @Sendable () -> Timestamp = { Timestamp.now() }, start: @escaping Start
  ) {
    (runs, models, self.fileSystem) = (runDirectory, modelDirectory, fileSystem)
    (self.limits, self.now, self.start) = (limits, now, start)
    for directory in [runDirectory, modelDirectory] {
      for owner in (try? fileSystem.names(in: directory)) ?? [] where !owner.hasPrefix(".") {
        let folder = "\(directory)/\(owner)"
        for var record in Self.stored(in: folder + "/evaluations", fileSystem)
        where Self.folder(of: record, runDirectory, modelDirectory) == folder {
          if !record.state.isOver {
            record.reason = "The service ended meanwhile; ask for the evaluation again."
            (record.state, record.endedAt) = (.failed, now())
          }
          records[record.id] = record
          identifiers.continueAfter(record.id)
        }
      }
    }
  }

  private static func stored(
    in folder: String, _ fileSystem: any FileSystem
  ) -> [EvaluationRecord] {
    ((try? fileSystem.names(in: folder)) ?? []).filter { $0.hasSuffix(".json") }.compactMap {
      name in
      (try? fileSystem.read(folder + "/" + name)).flatMap {
        try? JSONCoding.decode(EvaluationRecord.self, from: $0)
      }
    }
  }

  /// The folder of the run or the model that an evaluation is stored with.
  private static func folder(
    of record: EvaluationRecord, _ runs: String, _ models: String
  ) -> String? {
    record.run.map { "\(runs)/\($0)" } ?? record.model.map { "\(models)/\($0)" }
  }

  /// Accepts none any more, and waits until the one under way has left, as it does within seconds.
  public func end() async {
    isEnding = true
    waiting = []
    running?.process.askToStop()
    await running?.task.value
  }

  // MARK: Requests

  /// Puts an evaluation at the end of the queue.
  ///
  /// - Throws: `EvaluationControlError` where too many wait, the queue has ended, or the run or the model is gone; `FileSystemError`
  ///   where it cannot be stored.
  public func create(_ submission: EvaluationSubmission) async throws -> EvaluationRecord {
    guard !isEnding else { throw EvaluationControlError.shuttingDown }
    guard waiting.count < limits.waiting else {
      throw EvaluationControlError.queueFull(limit: limits.waiting)
    }
    let at = now()
    let record = EvaluationRecord(identifiers.next(at: at), submission, createdAt: at)
    // It may have been removed since it was looked up: its folder must not come back.
    guard fileSystem.isDirectory(folder(of: record)) else {
      throw EvaluationControlError.modelRemoved
    }
    try fileSystem.createDirectory(folder(of: record) + "/evaluations")
    try store(record)
    records[record.id] = record
    waiting.append((record.id, submission))
    removeOldest(likeOf: record)
    startNext()
    return records[record.id] ?? record
  }

  /// The evaluation of an id.
  ///
  /// - Throws: `EvaluationControlError` where there is none.
  public func record(_ id: Identifier) throws -> EvaluationRecord {
    forgetRemoved()
    guard let record = records[id] else { throw EvaluationControlError.notFound(id) }
    return record
  }

  /// At most `limit` evaluations, of one run and of one model where they are given, the newest first, from the one after
  /// `after` on.
  public func page(run: Identifier?, model: String?, limit: Int, after: Identifier?) -> (
    records: [EvaluationRecord], hasMore: Bool
  ) {
    forgetRemoved()
    let found = records.values.filter { record in
      (run == nil || record.run == run) && (model == nil || record.modelName == model)
        && (after.map { record.id < $0 } ?? true)
    }.sorted { $0.id > $1.id }
    return (Array(found.prefix(limit)), found.count > limit)
  }

  /// Cancels an evaluation that waits or is under way, or removes one that is over: nil then.
  ///
  /// - Throws: `EvaluationControlError` where there is none, `FileSystemError` where it cannot be removed.
  public func cancel(_ id: Identifier) async throws -> EvaluationRecord? {
    var record = try record(id)
    if record.state.isOver {
      try fileSystem.remove(path(record))
      records[id] = nil
      return nil
    }
    if let running, running.id == id {
      record.state = .stopping
      try store(record)
      records[id] = record
      running.process.askToStop()
      return record
    }
    (record.state, record.endedAt) = (.cancelled, now())
    try store(record)
    records[id] = record
    waiting.removeAll { $0.id == id }
    return record
  }

  /// Whether an evaluation that waits or is under way reads a dataset.
  public func isInUse(dataset: String) -> Bool {
    forgetRemoved()
    return records.values.contains { $0.dataset == dataset && !$0.state.isOver }
  }

  /// How many wait and are under way, and how many may wait.
  public func load() -> (waiting: Int, running: Int, capacity: Int) {
    (waiting.count, running == nil ? 0 : 1, limits.waiting)
  }

  // MARK: The one under way

  private func startNext() {
    guard running == nil, !isEnding, !waiting.isEmpty else { return }
    let (id, submission) = waiting.removeFirst()
    guard var record = records[id] else { return startNext() }
    do {
      let process = try start(submission)
      (record.state, record.startedAt) = (.running, now())
      keep(record)
      let task = Task { await self.follow(id, process) }
      running = (id, process, task)
    } catch {
      end(record, .failed, reason: "Its process cannot be started: \(error)")
      startNext()
    }
  }

  private func follow(_ id: Identifier, _ process: any EvaluationProcess) async {
    for await message in process.messages {
      guard let progress = message.progress else {
        finish(id, message)
        continue
      }
      records[id]?.progress = progress
      // Nobody need ask for it: what judges a model that is gone computes for nothing.
      forgetRemoved()
    }
    let lastWords = await process.lastWords()
    if let record = records[id], !record.state.isOver {
      // A process that leaves without a last line was asked to, or crashed.
      let wasAsked = record.state == .stopping
      let reason =
        isEnding ? "The service ended meanwhile; ask for the evaluation again." : lastWords
      end(record, wasAsked ? .cancelled : .failed, reason: wasAsked ? nil : reason)
    }
    running = nil
    startNext()
  }

  private func finish(_ id: Identifier, _ message: EvaluationMessage) {
    guard var record = records[id], !record.state.isOver else { return }
    if let report = message.report {
      record.report = report
      end(record, .succeeded, reason: nil)
    } else {
      end(record, .failed, reason: message.detail)
    }
  }

  private func end(
    _ record: EvaluationRecord, _ state: EvaluationRecord.State, reason: String?
  ) {
    var record = record
    (record.state, record.reason, record.endedAt, record.progress) = (state, reason, now(), nil)
    keep(record)
  }

  /// Keeps a change that nobody waits for. Where it cannot be stored, it is known until the service ends, and the
  /// evaluation has failed at the next start.
  private func keep(_ record: EvaluationRecord) {
    guard records[record.id] != nil else { return }
    records[record.id] = record
    try? store(record)
  }

  // MARK: Files

  private func folder(of record: EvaluationRecord) -> String {
    Self.folder(of: record, runs, models) ?? runs
  }

  private func path(_ record: EvaluationRecord) -> String {
    "\(folder(of: record))/evaluations/\(record.id).json"
  }

  private func store(_ record: EvaluationRecord) throws {
    var stored = record
    stored.progress = nil
    try fileSystem.replaceFile(path(record), with: try JSONCoding.encode(stored))
  }

  private func removeOldest(likeOf newest: EvaluationRecord) {
    let all = records.values.filter { $0.run == newest.run && $0.model == newest.model }
    let over = all.filter { $0.state.isOver }.sorted { $0.id < $1.id }
    for record in over.prefix(max(0, all.count - limits.kept)) {
      try? fileSystem.remove(path(record))
      records[record.id] = nil
    }
  }

  /// The evaluations of a run or a model go with its folder; one under way is asked to leave.
  private func forgetRemoved() {
    let folders = Set(records.values.map(folder(of:)))
    let gone = folders.filter { !fileSystem.isDirectory($0) }
    guard !gone.isEmpty else { return }
    records = records.filter { !gone.contains(folder(of: $0.value)) }
    waiting.removeAll { records[$0.id] == nil }
    if let running, records[running.id] == nil { running.process.askToStop() }
  }
}
