import Datasets
public import Durability
public import EmbeddingService
import Foundation
public import Identifiers
import JSONTree
import Synchronization
import Threads

/// The indexes of a data folder: made one at a time, in the order in which they were asked for, and searched.
///
/// `indexes/ID.json` is the record, `indexes/ID` the index once it is whole, `indexes/ID.partial` what there is of it before,
/// `indexes/ID.model` the model until then, so that a run's retention does not take it away. Where the service ends, what is
/// under way goes on at its next start.
public actor IndexLibrary {
  private let directory: String
  private let loader: EncoderLoader
  private let workers: Int
  private let limits: IndexLibraryLimits
  private let fileSystem: any FileSystem
  private let now: @Sendable () -> Timestamp
  private let packDirectory: @Sendable (_ dataset: String) -> String
  private let identifiers = IdentifierSource()
  private let desk = BuildDesk()
  private var records: [Identifier: IndexRecord] = [:]
  private var waiting: [Identifier] = []
  private var running: (id: Identifier, stop: StopFlag, task: Task<Void, Never>)?
  private var opened: [(id: Identifier, index: VectorIndex)] = []
  private var isEnding = false

  /// The library of a folder, which is made if it is missing; nothing is built before `begin`.
  ///
  /// - Parameters:
  ///   - directory: The folder of all indexes.
  ///   - packDirectory: The folder of a dataset's pack.
  ///   - loader: What opens models.
  ///   - workers: Threads that embed.
  ///   - limits: What may wait and be open.
  ///   - fileSystem: Where it is written.
  ///   - now: The clock.
  /// - Throws: `FileSystemError`. A record that does not read back is left alone.
  public init(
    directory: String, packDirectory: @escaping @Sendable (_ dataset: String) -> String,
    loader: EncoderLoader, workers: Int, limits: IndexLibraryLimits = IndexLibraryLimits(),
    fileSystem: any FileSystem = DiskFileSystem(),
    now: @escaping @Sendable () -> Timestamp = { Timestamp.now() }
  ) throws(FileSystemError) {
    (self.directory, self.packDirectory, self.loader) = (directory, packDirectory, loader)
    (self.workers, self.limits, self.fileSystem, self.now) = (workers, limits, fileSystem, now)
    try fileSystem.createDirectory(directory)
    for name in try fileSystem.names(in: directory) where name.hasSuffix(".json") {
      guard let bytes = try? fileSystem.read(directory + "/" + name),
        let record = try? JSONCoding.decode(IndexRecord.self, from: bytes),
        "\(record.id).json" == name
      else { continue }
      records[record.id] = record
      identifiers.continueAfter(record.id)
    }
    waiting = records.values.filter { !$0.state.isOver }.map(\.id).sorted()
  }

  /// Takes up what was under way when the service ended.
  public func begin() { startNext() }

  /// Accepts none any more and waits until the one under way has stopped; it goes on at the next start.
  public func end() async {
    isEnding = true
    running?.stop.set()
    await running?.task.value
  }
}

// MARK: - Requests

extension IndexLibrary {
  /// Puts an index at the end of the queue.
  ///
  /// - Throws: `IndexLibraryError` where too many wait or the service is ending; `FileSystemError`: nothing is kept then.
  public func create(_ submission: IndexSubmission) throws -> IndexRecord {
    guard !isEnding else { throw IndexLibraryError.shuttingDown }
    guard waiting.count < limits.waiting else {
      throw IndexLibraryError.queueFull(limit: limits.waiting)
    }
    let at = now()
    let record = IndexRecord(
      id: identifiers.next(at: at), name: submission.name, dataset: submission.dataset,
      model: submission.model, storage: submission.storage, createdAt: at, state: .queued)
    try fileSystem.keep(submission.modelFile, as: modelPath(record.id))
    do {
      try store(record)
    } catch {
      try? fileSystem.remove(modelPath(record.id))  // the first error is the one to tell
      throw error
    }
    records[record.id] = record
    waiting.append(record.id)
    startNext()
    return records[record.id] ?? record
  }

  /// The index of an identifier.
  ///
  /// - Throws: `IndexLibraryError.notFound`.
  public func record(_ id: Identifier) throws(IndexLibraryError) -> IndexRecord {
    guard let record = records[id] else { throw .notFound(id.description) }
    return record
  }

  /// At most `limit` indexes, the newest first, from the one after `after` on; of one dataset where it is given.
  public func page(dataset: String?, limit: Int, after: Identifier?) -> (
    records: [IndexRecord], hasMore: Bool
  ) {
    let found = records.values.filter { record in
      (dataset == nil || record.dataset == dataset) && (after.map { record.id < $0 } ?? true)
    }.sorted { $0.id > $1.id }
    return (Array(found.prefix(limit)), found.count > limit)
  }

  /// Cancels an index that waits or is under way, or removes one that is over: nil then. Whoever searches it meanwhile is
  /// answered.
  ///
  /// - Throws: `IndexLibraryError.notFound`, `FileSystemError`.
  public func cancel(_ id: Identifier) throws -> IndexRecord? {
    var record = try record(id)
    guard !record.state.isOver else {
      // The record first: without it what is left of the folder is found by nobody.
      try fileSystem.remove(path(id) + ".json")
      records[id] = nil
      opened.removeAll { $0.id == id }
      try fileSystem.removeAll(path(id))
      return nil
    }
    (record.state, record.endedAt) = (.cancelled, now())
    try store(record)
    records[id] = record
    waiting.removeAll { $0 == id }
    if let running, running.id == id {
      running.stop.set()
    } else {
      removeLeftovers(id)
    }
    return record
  }

  /// Whether an index that is not whole yet is made of a dataset.
  public func isInUse(dataset: String) -> Bool {
    records.values.contains { $0.dataset == dataset && !$0.state.isOver }
  }

  /// How many wait and are under way, and how many may wait.
  public func load() -> (waiting: Int, running: Int, capacity: Int) {
    (waiting.count, running == nil ? 0 : 1, limits.waiting)
  }

  /// An index that can be searched, with its record.
  ///
  /// - Throws: `IndexLibraryError.notFound` or `.notReady`; `IndexError` where its files cannot be used.
  public func index(_ id: Identifier) throws -> (record: IndexRecord, index: VectorIndex) {
    let record = try record(id)
    guard record.state == .succeeded else {
      throw IndexLibraryError.notReady(id, record.state)
    }
    if let place = opened.firstIndex(where: { $0.id == id }) {
      let found = opened.remove(at: place)
      opened.append(found)
      return (record, found.index)
    }
    let index = try VectorIndex(directory: path(id))
    opened.append((id, index))
    if opened.count > limits.open { opened.removeFirst() }
    return (record, index)
  }

  /// The model of an index, which is kept with it.
  public func modelFile(of record: IndexRecord) -> ModelFile {
    ModelFile(name: record.model, path: path(record.id) + "/" + IndexFile.model)
  }
}

// MARK: - The one under way

extension IndexLibrary {
  private func startNext() {
    guard running == nil, !isEnding, !waiting.isEmpty else { return }
    let id = waiting.removeFirst()
    guard var record = records[id] else { return startNext() }
    (record.state, record.startedAt) = (.running, record.startedAt ?? now())
    keep(record)
    let stop = StopFlag()
    running = (id, stop, Task { await build(record, stop) })
  }

  private func build(_ record: IndexRecord, _ stop: StopFlag) async {
    var work = IndexBuild(
      directory: path(record.id), modelFile: modelPath(record.id), modelName: record.model,
      sourceName: record.dataset)
    (work.workers, work.fileSystem, work.now) = (workers, fileSystem, now)
    work.storage = record.storage ?? .float32
    // Pictures that an index of the same model has are not computed again.
    work.earlier = records.values.filter { $0.state == .succeeded }.sorted { $0.id > $1.id }
      .prefix(limits.open).map { path($0.id) }
    let pack = packDirectory(record.dataset)
    let outcome: Result<IndexManifest, IndexError> = await desk.build(
      work, pack: pack, loader: loader, stop: stop
    ) { [weak self] progress in
      // Figures for people: one that comes late is overtaken by the next.
      Task { await self?.note(progress, of: record.id) }
    }
    finish(record.id, outcome)
    running = nil
    startNext()
  }

  private func note(_ progress: IndexProgress, of id: Identifier) {
    guard let record = records[id], !record.state.isOver,
      progress.done >= record.progress?.done ?? 0
    else { return }
    records[id]?.progress = progress
  }

  private func finish(_ id: Identifier, _ outcome: Result<IndexManifest, IndexError>) {
    guard var record = records[id] else { return }
    if record.state == .cancelled {
      removeLeftovers(id)
      try? fileSystem.removeAll(path(id))
      return
    }
    switch outcome {
    case .success(let manifest):
      (record.state, record.manifest) = (.succeeded, manifest)
      var progress = IndexProgress()
      (progress.done, progress.rejected) = (manifest.items + manifest.rejected, manifest.rejected)
      (progress.total, progress.reused) = (progress.done, manifest.reused)
      record.progress = progress
    case .failure(.interrupted): return  // at the next start it goes on
    case .failure(let error): (record.state, record.reason) = (.failed, error.description)
    }
    record.endedAt = now()
    keep(record)
    removeLeftovers(id)
  }

  /// Keeps a record whether or not it can be stored: at the next start it is built again where it could not.
  private func keep(_ record: IndexRecord) {
    records[record.id] = record
    try? store(record)
  }

  private func store(_ record: IndexRecord) throws {
    try fileSystem.replaceFile(path(record.id) + ".json", with: try JSONCoding.encode(record))
  }

  private func removeLeftovers(_ id: Identifier) {
    // What stays behind is in nobody's way.
    try? fileSystem.removeAll(IndexBuild.partial(of: path(id)))
    try? fileSystem.remove(modelPath(id))
  }

  private func path(_ id: Identifier) -> String { "\(directory)/\(id)" }
  private func modelPath(_ id: Identifier) -> String { path(id) + ".model" }
}

/// Asks a build to stop.
final class StopFlag: Sendable {
  private let flag = Atomic(false)
  var isSet: Bool { flag.load(ordering: .relaxed) }
  func set() { flag.store(true, ordering: .relaxed) }
}

/// Builds on a thread of its own, which leaves processors to everything else that the service does.
private actor BuildDesk {
  private let executor = ThreadExecutor(name: "index")
  private static let niceness: Int32 = 10

  nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  func build(
    _ build: IndexBuild, pack: String, loader: EncoderLoader, stop: StopFlag,
    progress: @escaping @Sendable (IndexProgress) -> Void
  ) -> Result<IndexManifest, IndexError> {
    // On Linux a niceness is a thread's own, and those that it starts have the same.
    setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Self.niceness)
    var build = build
    build.progress = progress
    build.isAskedToStop = { stop.isSet }
    let source: PackPictures
    do throws(PackError) {
      source = PackPictures(try Pack(directory: pack))
    } catch { return .failure(.source("\(error)")) }
    do throws(IndexError) {
      return .success(try build.run(source, loader: loader))
    } catch { return .failure(error) }
  }
}
