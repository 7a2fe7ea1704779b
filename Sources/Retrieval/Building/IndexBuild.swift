public import Durability
public import EmbeddingService
public import Identifiers
import Images
import JSONTree
import TensorGraph
import Tensors
import Threads

/// How far the making of an index has come.
public struct IndexProgress: Codable, Hashable, Sendable {
  /// Pictures dealt with, those of an interrupted build among them.
  public var done = 0
  /// Pictures in all, where that is known.
  public var total: Int?
  /// Pictures that could not be embedded.
  public var rejected = 0
  /// Vectors that were taken over from an earlier index.
  public var reused = 0

  /// Nothing yet.
  public init() {}
}

/// Makes an index of pictures, into a folder that appears as a whole.
///
/// It is written in a folder beside it, `DIRECTORY.partial`. Where the process is killed, the same build goes on with what is
/// there; where the model or the source has changed meanwhile, it begins anew. Vectors of pictures that an earlier index of
/// the same model has are taken from it. An index that stands in the folder already is replaced in one step.
public struct IndexBuild {
  /// The folder of the index.
  public var directory: String
  /// The model's file; the index keeps a copy.
  public var modelFile: String
  /// The model's name for people.
  public var modelName: String
  /// Where the pictures come from, for people and programs.
  public var sourceName: String
  /// How vectors are stored.
  public var storage = VectorStorage.float32
  /// Threads that decode and compute, each with an encoder of its own.
  public var workers = 1
  /// The folders of indexes whose vectors may be taken over; those that cannot be used, or are of another model, are passed over.
  public var earlier: [String] = []
  /// Where it is written.
  public var fileSystem: any FileSystem = DiskFileSystem()
  /// The clock.
  public var now: @Sendable () -> Timestamp = { Timestamp.now() }
  /// Told after each part of the work, from the thread that builds.
  public var progress: (IndexProgress) -> Void = { _ in }
  /// Asked after each part of the work.
  public var isAskedToStop: () -> Bool = { false }

  /// Rows after which what was computed is flushed to the disk: what a killed build loses at most.
  static let rowsPerFlush = 1024
  /// Rows of earlier indexes that are looked at for pictures that are there already; those beyond are computed anew.
  static let rowsLookedAt = 4_000_000

  /// The index of `modelFile` in `directory`.
  public init(directory: String, modelFile: String, modelName: String, sourceName: String) {
    self.directory = directory
    self.modelFile = modelFile
    self.modelName = modelName
    self.sourceName = sourceName
  }

  /// The folder in which an index, or what else is made of vectors, is written until it is whole.
  public static func partial(of directory: String) -> String { directory + ".partial" }

  /// Embeds the pictures of a source and publishes the index.
  ///
  /// - Throws: `IndexError`. What was written stays for the next time where it was `interrupted`, or the files or the source
  ///   failed; an index that was in the folder is still there.
  @discardableResult
  public func run(
    _ source: any PictureSource, loader: EncoderLoader
  ) throws(IndexError) -> IndexManifest {
    let (journal, model) = try embed(source, loader: loader)
    return try publish(journal, model, source)
  }

  /// Embeds the pictures of a source, or what an interrupted build has left of them.
  func embed(
    _ source: any PictureSource, loader: EncoderLoader
  ) throws(IndexError) -> (BuildJournal, OpenedModel) {
    for folder in [Self.partial(of: directory), directory] { try requireOwn(folder) }
    let model = try opened(loader)
    let journal = try BuildJournal(
      directory: Self.partial(of: directory),
      note: BuildNote(
        fingerprint: model.fingerprint, precision: model.precision.rawValue,
        dimension: model.dimension, source: source.identity,
        storage: storage == .float32 ? nil : storage),
      fileSystem: fileSystem)
    let vectorsTakenOver = VectorsByPicture(
      earlier, fingerprint: model.fingerprint, precision: model.precision.rawValue,
      storage: storage, limit: Self.rowsLookedAt)
    try embed(source, with: model, vectorsTakenOver, into: journal)
    guard journal.rows > 0 else {
      // The first error is the one to tell.
      try? fileSystem.removeAll(journal.directory)
      throw .nothingToIndex(rejected: journal.rejected)
    }
    return (journal, model)
  }

  /// Whatever is in these folders is replaced in the end.
  private func requireOwn(_ folder: String) throws(IndexError) {
    let name: String?
    do { name = try IndexFile.foreignName(in: folder, fileSystem) } catch { throw .files(error) }
    if let name { throw .occupied(directory: folder, by: name) }
  }

  private func opened(_ loader: EncoderLoader) throws(IndexError) -> OpenedModel {
    do { return try loader.open(modelFile) } catch { throw .model("\(error)") }
  }

  // MARK: Vectors

  private func embed(
    _ source: any PictureSource, with model: OpenedModel, _ known: VectorsByPicture,
    into journal: BuildJournal
  ) throws(IndexError) {
    var told = IndexProgress()
    told.total = source.expectedCount
    var next = try pass(journal, in: source)
    if next == nil { next = try source.next() }
    func tell() {
      (told.done, told.rejected) = (journal.entries.count, journal.rejected)
      told.reused = journal.reused
      progress(told)
    }
    tell()
    let queue = PictureQueue()
    let group = ThreadGroup(count: workers) { _ in queue.work(model, known) }
    defer {
      queue.stop()
      group.join()
    }
    while true {
      // Few at a time: those of an archive are held in memory.
      while let picture = next, queue.underWay < 4 * workers {
        queue.give(picture)
        next = try source.next()
      }
      guard queue.underWay > 0, let outcome = try queue.takeOutcome() else { break }
      guard journal.rows < SearchLimits.items else {
        throw .tooManyItems(limit: SearchLimits.items)
      }
      try journal.append(outcome)
      if journal.unflushed >= Self.rowsPerFlush { try journal.flush() }
      if journal.entries.count % 64 == 0 { tell() }
      if isAskedToStop() {
        try journal.flush()
        throw .interrupted
      }
    }
    try journal.flush()
    tell()
  }

  /// Passes over the pictures that an interrupted build has dealt with. From the first place on where the source has another
  /// picture now, what was built is forgotten.
  ///
  /// - Returns: that other picture.
  private func pass(
    _ journal: BuildJournal, in source: any PictureSource
  ) throws(IndexError) -> SourcePicture? {
    for (place, entry) in journal.entries.enumerated() {
      let picture = try source.next()
      guard picture?.name == entry.name else {
        try journal.keep(place)
        return picture
      }
    }
    return nil
  }

  // MARK: The whole

  private func publish(
    _ journal: BuildJournal, _ model: OpenedModel, _ source: any PictureSource
  ) throws(IndexError) -> IndexManifest {
    let manifest = IndexManifest(
      items: journal.rows, rejected: journal.rejected, reused: journal.reused,
      dimension: model.dimension, fingerprint: model.fingerprint,
      precision: model.precision.rawValue, storage: storage, model: modelName, source: sourceName,
      completedAt: now())
    try journal.finishVectors()
    let files = IndexFiles(directory: journal.directory, fileSystem: fileSystem)
    let (items, contents) = Self.items(of: journal.entries, source)
    try files.write(manifest, items, contents: contents, rejected: Self.rejected(journal.entries))
    do throws(FileSystemError) {
      try fileSystem.writeFile(
        journal.directory + "/" + IndexFile.model, try fileSystem.read(modelFile))
      try journal.removeNotes()
      try fileSystem.synchronizeDirectory(journal.directory)
      try install(journal.directory)
    } catch { throw .files(error) }
    return manifest
  }

  /// The items of the entries that have a vector, and the hashes of their pictures' bytes.
  static func items(
    of entries: [BuildEntry], _ source: any PictureSource
  ) -> ([IndexItem], [ContentHash]) {
    let kept = entries.enumerated().filter { $0.element.rejection == nil }
    let places = source.places(of: kept.map(\.element.name))
    let items = kept.enumerated().map { row, entry in
      let (label, split) = places?[row] ?? (entry.element.label, entry.element.split)
      return IndexItem(
        name: entry.element.name, label: label, split: split, picture: entry.offset)
    }
    return (items, kept.map { $0.element.content })
  }

  static func rejected(_ entries: [BuildEntry]) -> [RejectedPicture] {
    entries.compactMap { entry in
      entry.rejection.map {
        RejectedPicture(name: entry.name, code: $0.code, detail: $0.detail)
      }
    }
  }

  /// Gives the whole index its name, in one step also where an older one has it.
  private func install(_ partial: String) throws(FileSystemError) {
    if fileSystem.isDirectory(directory) {
      try fileSystem.exchange(partial, directory)
      try fileSystem.removeAll(partial)
    } else {
      try fileSystem.rename(partial, to: directory)
    }
    try fileSystem.synchronizeDirectory(ofEntry: directory)
  }
}

/// Vectors of earlier indexes by the bytes of their pictures.
struct VectorsByPicture: Sendable {
  private var places: [ContentHash: (index: Int, row: Int)] = [:]
  private let indexes: [VectorIndex]

  init(
    _ directories: [String], fingerprint: String, precision: String, storage: VectorStorage,
    limit: Int
  ) {
    indexes = directories.compactMap { directory in
      // The manifest tells whether the index is worth being opened.
      guard let manifest = try? IndexManifest(directory: directory),
        manifest.fingerprint == fingerprint, manifest.precision == precision,
        // What was rounded is not what the model gives.
        manifest.vectorStorage == .float32 || manifest.vectorStorage == storage
      else { return nil }
      return try? VectorIndex(directory: directory)
    }
    for (number, index) in indexes.enumerated() {
      for row in 0..<index.count {
        guard places.count < limit else { return }
        places[index.items.content(row)] = (number, row)
      }
    }
  }

  subscript(content: ContentHash) -> [Float]? {
    places[content].map { indexes[$0.index].vector($0.row) }
  }
}
