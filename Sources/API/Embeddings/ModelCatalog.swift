import Checkpoints
import Durability
import EmbeddingService
import Evaluation
import Identifiers
import ModelLibrary
import Runs
import Training

/// Finds models among the aliases, the uploaded models and the runs' checkpoints.
///
/// A checkpoint is a model once the run has done an update: that of step 0 holds random weights. The default changes only
/// when a run ends or a person says so, so that whoever names no model gets vectors that can be compared from one day to
/// the next.
actor ModelCatalog {
  /// One model under a name.
  struct Entry: Sendable {
    /// Where its file is.
    enum Origin: Sendable {
      /// Among a run's checkpoints.
      case run(RunRecord, step: Int)
      /// In the library of models; under an alias, or its own name.
      case library(ModelRecord, alias: ModelAlias?)
    }

    var origin: Origin
    /// The run's id where it is the latest checkpoint, else `id@step`; the alias; the id of an uploaded model.
    var name: String
    /// Whether retention leaves it alone.
    var isPinned: Bool
    var file: ModelFile

    /// The run whose checkpoint it is, as it was where an alias has a copy; nil for an uploaded model.
    var checkpoint: (run: Identifier, runName: String, step: Int)? {
      switch origin {
      case .run(let record, let step): (record.run.id, record.run.shownName, step)
      case .library(let model, _):
        if case .checkpoint(let run, let runName, let step) = model.origin {
          (run, runName, step)
        } else {
          nil
        }
      }
    }
  }

  /// A run's checkpoints of step 1 and later, as the folder had them.
  struct Holdings: Sendable {
    var record: RunRecord
    var steps: [Int]
    /// Pinned steps and when each was pinned, in milliseconds since 1970.
    var pins: [Int: Int64]
  }

  /// What of a run's status changes with its checkpoints: where it is the same, the folder is not listed again.
  private struct Stamp: Hashable {
    var state: RunState
    var step: Int?
    var at: Timestamp?
  }

  private let runs: any RunControl
  private let library: ModelLibrary
  private let now: @Sendable () -> Timestamp
  private var listings: [Identifier: (stamp: Stamp, steps: [Int], pins: [Int: Int64])] = [:]
  private var index: (revision: Int, holdings: [Holdings])?
  private var indexing: (revision: Int, task: Task<[Holdings], any Error>)?

  init(
    runs: any RunControl, library: ModelLibrary,
    now: @escaping @Sendable () -> Timestamp = { Timestamp.now() }
  ) {
    self.runs = runs
    self.library = library
    self.now = now
  }

  /// The aliases, the uploaded models, then the latest checkpoint of each run that has one and every pinned one, the newest first.
  func all() async throws -> [Entry] {
    let named = await library.named.map { entry($0.model, $0.alias) }
    let uploads = await library.uploads.map { entry($0, nil) }
    return try await named + uploads
      + holdings().flatMap { run in
        run.steps.filter { $0 == run.steps.last || run.pins[$0] != nil }.reversed()
          .map { entry(run, $0) }
      }
  }

  /// The model that is used where a request names none; nil where there is none yet.
  func standard() async throws -> Entry? {
    let holdings = try await holdings()
    let pinned = holdings.flatMap { run in run.pins.map { (run: run, step: $0.key, at: $0.value) } }
    if let newest = pinned.max(by: { ($0.at, $0.run.id, $0.step) < ($1.at, $1.run.id, $1.step) }) {
      return entry(newest.run, newest.step)
    }
    let ended = holdings.filter(\.mayBeDefault)
    return ended.max { ($0.record.status.since, $0.id) < ($1.record.status.since, $1.id) }
      .flatMap { run in run.steps.last.map { entry(run, $0) } }
  }

  /// Makes one model the default and keeps it from retention. The one pinned before is left to retention again.
  ///
  /// - Throws: `APIError`: 404, or 507 where the folder cannot be written; the default is then unchanged, or both are
  ///   pinned and the newer pin counts.
  func pin(_ name: String) async throws -> Entry {
    let entry = try await model(name)
    guard case .run(let record, let step) = entry.origin else {
      throw APIError.invalid([
        .field(
          "checkpoint", "unknown_value",
          "\(clipped(name)) is no run's checkpoint. What stays is named by an alias: PUT /v1/models/ALIAS."
        )
      ])
    }
    let id = record.run.id
    let isDone = try writing {
      () throws(CheckpointError) in
      try runs.checkpoints(of: id).pin(step: step, at: now().milliseconds)
    }
    forget(id)
    guard isDone else { throw APIError(.notFound, removed(step, id)) }
    try await unpin(except: entry.file)
    return try await standard() ?? entry
  }

  /// Leaves the choice of the default to the rule again; nothing happens where nothing is pinned.
  ///
  /// - Throws: `APIError` 507 where the folder cannot be written.
  func unpin() async throws { try await unpin(except: nil) }

  private func unpin(except kept: ModelFile?) async throws {
    for run in try await holdings() {
      for step in run.pins.keys where entry(run, step).file != kept {
        try writing { () throws(CheckpointError) in
          try runs.checkpoints(of: run.id).unpin(step: step)
        }
        forget(run.id)
      }
    }
  }

  private func writing<Value>(_ body: () throws(CheckpointError) -> Value) throws -> Value {
    do throws(CheckpointError) {
      return try body()
    } catch .fileSystem(let error) where error.isDiskFull {
      throw APIError(.diskFull, "The disk of the data folder is full; nothing was changed.")
    } catch .fileSystem(let error) where error.isNotWritable {
      throw APIError(
        .storageNotWritable, "The data folder cannot be written; nothing was changed.")
    }
  }
}

// MARK: - Names

extension ModelCatalog {
  /// The model of a name: an alias; an uploaded model's id or name; a run's id or name (its latest checkpoint), either with `@` and a
  /// step or `best`; `latest`, or `default`; the default where the name is nil.
  ///
  /// - Throws: `APIError` 404, which lists what there is.
  func model(_ name: String?) async throws -> Entry {
    switch name {
    case nil, "default":
      if let entry = try await standard() { return entry }
      throw try await noDefault()
    case "latest":
      if let entry = try await newest() { return entry }
      throw APIError(.notFound, "There is no model yet: no run has written a checkpoint.")
    case let name?:
      if let entry = await stored(name) { return entry }
      if let entry = try await model(of: name, step: nil) { return entry }
      // The last `@` divides: a run's own name may have one.
      if let mark = name.lastIndex(of: "@") {
        let (run, choice) = (String(name[..<mark]), name[name.index(after: mark)...])
        if choice == "best", let entry = try await best(of: run) { return entry }
        if let step = Int(choice), let entry = try await model(of: run, step: step) { return entry }
      }
      throw try await unknown(name)
    }
  }

  /// A model of the library: of an alias first, so that a run's name takes nobody's alias away.
  private func stored(_ name: String) async -> Entry? {
    if let (alias, model) = await library.named(name) { return entry(model, alias) }
    return await library.uploaded(name).map { entry($0, nil) }
  }

  private func entry(_ model: ModelRecord, _ alias: ModelAlias?) -> Entry {
    // A checkpoint's copy is named as the checkpoint was; an uploaded model by what never changes.
    let name = model.origin == .upload ? model.id.description : model.name
    return Entry(
      origin: .library(model, alias: alias), name: alias?.name ?? model.id.description,
      isPinned: true, file: ModelFile(name: name, path: library.path(of: model.id)))
  }

  /// What an evaluation liked best of a run: a checkpoint, or the weights that the run began with; nil where there is no
  /// such run.
  ///
  /// - Throws: `APIError` 404 where none of its checkpoints was evaluated.
  private func best(of run: String) async throws -> Entry? {
    guard let found = try await holdings(of: run) else { return nil }
    guard let step = found.record.status.bestStep else {
      throw APIError(
        .notFound,
        "The run \(found.id) has no best checkpoint: none was evaluated (evaluate_every). Ask for its latest, \(found.id)."
      )
    }
    guard step == 0 else { return try await model(of: run, step: step) }
    let path = BestModel(runDirectory: runs.directory(of: found.id)).path
    return Entry(
      origin: .run(found.record, step: 0), name: "\(found.id)@best", isPinned: false,
      file: ModelFile(name: "\(found.id)@0", path: path))
  }

  /// The checkpoint written last, of a run that is under way too; of one that has failed or collapsed never.
  private func newest() async throws -> Entry? {
    let sound = try await holdings().filter { !$0.steps.isEmpty && $0.isSound }
    return sound.max { ($0.writtenAt, $0.id) < ($1.writtenAt, $1.id) }
      .flatMap { run in run.steps.last.map { entry(run, $0) } }
  }

  /// - Throws: `APIError` 404 where there is such a run and no such checkpoint.
  private func model(of run: String, step: Int?) async throws -> Entry? {
    guard let found = try await holdings(of: run) else { return nil }
    guard let step = step ?? found.steps.last else {
      throw APIError(
        .notFound,
        "The run \(found.id) has no model yet: it has written no checkpoint after its first update."
      )
    }
    if found.steps.contains(step) { return entry(found, step) }
    if step == 0 {
      throw APIError(
        .notFound, "Step 0 of the run \(found.id) is no model: its weights are random.")
    }
    let steps = found.steps.map(String.init).joined(separator: ", ")
    let rest = steps.isEmpty ? "There is none of it." : "There is step \(steps)."
    let wasWritten = try await hasWritten(step, found.id)
    throw APIError(
      .notFound,
      wasWritten
        ? "\(removed(step, found.id)) \(rest)"
        : "The run \(found.id) has no checkpoint of step \(step). \(rest)")
  }

  /// The run of an id or of a name; of several runs of one name the newest that has a model.
  private func holdings(of text: String) async throws -> Holdings? {
    if let id = Identifier(text) {
      do {
        return listed(try await runs.record(id))
      } catch RunControlError.notFound {
        return nil
      }
    }
    return try await holdings().first { $0.record.run.shownName == text && !$0.steps.isEmpty }
  }

  /// Whether the run's events tell of a checkpoint of a step.
  private func hasWritten(_ step: Int, _ id: Identifier) async throws -> Bool {
    var last: Int64 = 0
    while true {
      let events = try await runs.events(id, after: last, order: .oldestFirst, limit: 1000)
      if events.contains(where: { $0.kind == "checkpoint" && $0.step == step }) { return true }
      guard let sequence = events.last?.sequence, sequence > last else { return false }
      last = sequence
    }
  }

  private func removed(_ step: Int, _ id: Identifier) -> String {
    "The checkpoint of step \(step) of the run \(id) was removed: a run keeps its newest ones "
      + "(keep_checkpoints), its best, and what is pinned."
  }

  private func noDefault() async throws -> APIError {
    guard let newest = try await newest() else {
      return APIError(.notFound, "There is no model yet: no run has written a checkpoint.")
    }
    return APIError(
      .notFound,
      "There is no default model yet: no run that has a model has ended. Ask for \"latest\" or for "
        + "\(newest.name), or pin one."
    )
  }

  private func unknown(_ name: String) async throws -> APIError {
    let all = try await all()
    let names = all.prefix(10).map { "\($0.name) (\($0.shownName))" }
    let more = all.count > names.count ? ", and \(all.count - names.count) more" : ""
    let rest =
      names.isEmpty
      ? "There is no model yet: no run has written a checkpoint."
      : "Ask for default, latest, \(names.joined(separator: ", "))\(more)."
    return APIError(.notFound, "There is no model \(clipped(name)). \(rest)")
  }
}

// MARK: - Index

extension ModelCatalog {
  /// Lists a run's folder again at the next question, whatever its status says.
  func forget(_ id: Identifier) {
    listings[id] = nil
    (index, indexing) = (nil, nil)
  }

  /// All runs that have a model, newest first. Made anew only where some run has changed since; the requests that come
  /// meanwhile wait for the one that makes it.
  private func holdings() async throws -> [Holdings] {
    let revision = runs.revision
    if let index, index.revision == revision { return index.holdings }
    if let indexing, indexing.revision == revision { return try await indexing.task.value }
    // Not the caller's own task: its client may leave, and others wait for the same answer.
    let task = Task { try await self.listAll() }
    indexing = (revision, task)
    let holdings = try await task.value
    // `forget` has taken the task away where a pin has changed meanwhile.
    if indexing?.task == task { (index, indexing) = ((revision, holdings), nil) }
    return holdings
  }

  private func listAll() async throws -> [Holdings] {
    var all: [Holdings] = []
    var cursor: Identifier?
    repeat {
      let page = try await runs.page(state: nil, limit: 100, after: cursor)
      all += page.records.map(listed)
      cursor = page.hasMore ? page.records.last?.run.id : nil
    } while cursor != nil
    let known = Set(all.map(\.id))
    listings = listings.filter { known.contains($0.key) }
    return all.filter { !$0.steps.isEmpty }
  }

  /// A run's checkpoints, from its folder only where its status tells of a change.
  private func listed(_ record: RunRecord) -> Holdings {
    let (id, status) = (record.run.id, record.status)
    let stamp = Stamp(state: status.state, step: status.checkpointStep, at: status.checkpointAt)
    if let known = listings[id], known.stamp == stamp {
      return Holdings(record: record, steps: known.steps, pins: known.pins)
    }
    let folder = runs.checkpoints(of: id)
    // A folder that cannot be read is that of a run that is being removed.
    let steps = ((try? folder.steps()) ?? []).filter { $0 > 0 }
    let pins = ((try? folder.pins()) ?? [:]).filter { $0.key > 0 }
    listings[id] = (stamp, steps, pins)
    return Holdings(record: record, steps: steps, pins: pins)
  }

  private func entry(_ run: Holdings, _ step: Int) -> Entry {
    let folder = runs.checkpoints(of: run.id).path(step: step)
    let name = "\(run.id)@\(step)"
    return Entry(
      origin: .run(run.record, step: step),
      name: step == run.steps.last ? run.id.description : name,
      isPinned: run.pins[step] != nil,
      file: ModelFile(name: name, path: folder + "/" + CheckpointFolder.modelFileName))
  }
}

extension ModelCatalog.Holdings {
  fileprivate var id: Identifier { record.run.id }

  /// Whether its vectors are of any use.
  fileprivate var isSound: Bool {
    record.status.state != .failed && record.status.health?.verdict != .collapsed
  }

  /// Whether the run has ended with a model that may be used by whoever names none.
  fileprivate var mayBeDefault: Bool {
    isSound && !steps.isEmpty && [.succeeded, .stopped].contains(record.status.state)
  }

  fileprivate var writtenAt: Timestamp { record.status.checkpointAt ?? record.status.since }
}
