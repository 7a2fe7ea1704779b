import Checkpoints
import Durability
import Foundation
public import Identifiers
import NeuralNetworks
import Recipes
import Training

// What callers ask for. Each function reads, decides by the state machine, writes, and then acts,
// without an await in between, so requests never see each other half done.

extension RunCoordinator {
  /// Accepts a run and queues it.
  public func create(_ submission: RunSubmission) throws -> (record: RunRecord, isNew: Bool) {
    guard !isEnding else { throw RunControlError.shuttingDown }
    if let (key, digest) = submission.idempotency,
      let earlier = try earlierReply(key: key, bodyDigest: digest)
    {
      return (earlier, false)
    }
    try requireTrainingTime(of: submission.owner)
    guard queue.count < settings.queueLimit else {
      throw RunControlError.queueFull(limit: settings.queueLimit)
    }
    let time = clock.timeOfDay()
    let run = Run(
      id: identifiers.next(at: time), name: submission.name, metadata: submission.metadata,
      dataset: submission.dataset, recipe: submission.recipe, resources: submission.resources,
      initialModel: submission.initialModel?.name, owner: submission.owner, createdAt: time)
    // What a run will report is known from its recipe before a worker says so.
    var record = RunRecord(
      run: run, status: RunStatus(queuedAt: time, recipe: run.recipe),
      metrics: RunFigures.declared(by: run.recipe))
    record.status.queueNumber = queue.nextNumber
    var reply = record
    var longer = queue
    longer.enter(record)
    reply.status.queuePosition = longer.position(of: run.id)
    try namingUnwritable { try insert(record, submission, reply: reply) }
    queue = longer
    startNext()
    return (reply, true)
  }

  /// What was returned for an earlier submission under the key.
  public func earlierReply(key: String, bodyDigest: String) throws -> RunRecord? {
    guard let entry = try store.idempotencyEntry(key) else { return nil }
    guard entry.bodyDigest == bodyDigest else {
      throw RunControlError.idempotencyConflict(key: key)
    }
    return try entry.reply ?? record(entry.run)
  }

  /// First the run's folder, then its record: a folder without a record is a leftover, a record
  /// without a folder would be a lie.
  private func insert(_ record: RunRecord, _ submission: RunSubmission, reply: RunRecord) throws {
    let id = record.run.id
    do {
      try copyInitialModel(submission.initialModel, of: record.run)
      try writeRecipeIfMissing(record.run)
      let entry = submission.idempotency.map { key, digest in
        IdempotencyEntry(
          key: key, bodyDigest: digest, run: id, at: record.run.createdAt, reply: reply)
      }
      let event = try store.insert(
        record, event: record.event("created", at: record.run.createdAt), idempotency: entry)
      countChange()
      tell([event], of: record.run)
    } catch {
      // The folder is a leftover now; the next start removes it where this fails.
      try? fileSystem.removeAll(directory(of: id))
      throw error
    }
  }

  /// Copies the weights that a run begins with into its folder: the model that they are from may be removed later.
  private func copyInitialModel(_ model: InitialModel?, of run: Run) throws {
    guard let model else { return }
    let directory = directory(of: run.id)
    try fileSystem.createDirectory(directory)
    try fileSystem.replaceFile(
      "\(directory)/\(InitialWeights.fileName)", with: fileSystem.read(model.path))
  }

  /// Writes the run's folder with its recipe, once: nobody changes it afterwards. A folder that was lost since, such as
  /// by a restored database, is written again before a worker looks for it.
  func writeRecipeIfMissing(_ run: Run) throws {
    let directory = directory(of: run.id)
    guard try !fileSystem.names(in: directory).contains("recipe.json") else { return }
    try fileSystem.createDirectory(directory)
    try fileSystem.replaceFile(directory + "/recipe.json", with: run.recipe.encoded)
    try fileSystem.synchronizeDirectory(runsDirectory)
  }

  /// Asks a run to stop: with a checkpoint, or at once by killing its worker.
  public func stop(_ id: Identifier, now: Bool) throws -> (record: RunRecord, changed: Bool) {
    let before = try record(id)
    let reason = RunReason(
      code: now ? "killed" : "stop_requested",
      detail: now ? "Stopped at once by request." : "Stopped by request.")
    switch before.status.state.transition(on: .stopRequest) {
    case .move(let state):
      let (after, event) = before.moved(to: state, reason: reason, at: clock.timeOfDay())
      try save(after, [event])
      queue.remove(id)
      signalStop(id, now: now)
      return (try record(id), true)
    case .stay:
      if now { signalStop(id, now: true) }
      return (before, before.status.state == .stopping)
    case .refuse(let detail):
      throw RunControlError.conflict(id, state: before.status.state, detail: detail)
    case .remove: preconditionFailure("A request to stop removes nothing.")
    }
  }

  private func signalStop(_ id: Identifier, now: Bool) {
    guard let turn = active[id] else { return }
    turn.cutPauseShort()
    if now { turn.kill() } else { askToStop(turn, within: settings.stopLimit) }
  }

  func askToStop(_ turn: RunTurn, within limit: Duration) {
    // A signal would end the launcher and not the worker.
    turn.askToStop(byClosingInput: !settings.launcher.isEmpty, within: limit)
  }

  /// Starts a run again from its newest checkpoint.
  public func start(_ id: Identifier) throws -> (record: RunRecord, changed: Bool) {
    let before = try record(id)
    switch before.status.state.transition(on: .startRequest) {
    case .move(let state):
      guard !isEnding else { throw RunControlError.shuttingDown }
      try requireTrainingTime(of: before.run.owner)
      guard queue.count < settings.queueLimit else {
        throw RunControlError.queueFull(limit: settings.queueLimit)
      }
      var (after, event) = before.moved(to: state, reason: nil, at: clock.timeOfDay())
      after.status.restarts = 0
      after.status.queueNumber = queue.nextNumber
      try save(after, [event])
      queue.enter(after)
      startNext()
      return (try record(id), true)
    case .stay: return (before, false)
    case .refuse(let detail):
      throw RunControlError.conflict(id, state: before.status.state, detail: detail)
    case .remove: preconditionFailure("A request to start removes nothing.")
    }
  }

  /// Changes name and metadata; nil leaves one as it is.
  public func rename(_ id: Identifier, name: String?, metadata: [String: String]?, ifVersion: Int?)
    throws
    -> RunRecord
  {
    var record = try record(id)
    if let ifVersion, ifVersion != record.status.version {
      throw RunControlError.versionMismatch(current: record.status.version)
    }
    if let name { record.run.name = name }
    if let metadata { record.run.metadata = metadata }
    record.status.version += 1
    try save(record, [])
    return try self.record(id)
  }

  /// Removes a run with its files.
  ///
  /// The folder goes out of sight first: a record whose folder is out of sight is completed or undone
  /// at the next start, whichever its record says.
  public func delete(_ id: Identifier) throws {
    let before = try record(id)
    if case .refuse(let detail) = before.status.state.transition(on: .deleteRequest) {
      throw RunControlError.conflict(id, state: before.status.state, detail: detail)
    }
    let aside = removingPath(id)
    try namingUnwritable {
      let hasFiles = fileSystem.isDirectory(directory(of: id))
      if hasFiles {
        try fileSystem.rename(directory(of: id), to: aside)
        try fileSystem.synchronizeDirectory(runsDirectory)
      }
      do {
        try store.remove(id)
      } catch {
        if hasFiles { try fileSystem.rename(aside, to: directory(of: id)) }
        throw error
      }
    }
    forget(id)
    // The run is gone; what cannot be removed now is removed at the next start.
    try? fileSystem.removeAll(aside)
  }

  func removingPath(_ id: Identifier) -> String { "\(runsDirectory)/.removing-\(id)" }
}
