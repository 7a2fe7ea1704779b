import Checkpoints
public import Durability
public import EmbeddingService
import Foundation
public import Identifiers
import JSONTree
public import NeuralNetworks

/// The models of a data folder that belong to no run, and the aliases.
///
/// `models/ID` has `model.safetensors` and `model.json`, its record; it appears by one rename. `models/aliases.json` says what each alias means and is
/// replaced as a whole. An alias of a checkpoint has the file under a second name, so that neither retention nor the removal of the run takes it away.
public actor ModelLibrary {
  private let directory: String
  private let limits: ModelLibraryLimits
  private let fileSystem: any FileSystem
  private let now: @Sendable () -> Timestamp
  private let identifiers = IdentifierSource()
  private let desk: ImportDesk
  private var records: [Identifier: ModelRecord] = [:]
  private var aliases: [String: ModelAlias] = [:]

  private static let (recordName, modelName) = ("model.json", "model.safetensors")
  private static let incoming = ".incoming-"

  /// The library of a folder, which is made if it is missing. What a crash left behind, and what no alias names any more, is removed.
  ///
  /// - Throws: `FileSystemError`; `ModelLibraryError.damaged` where the file of aliases does not read back: nothing is removed then. A
  ///   model whose record does not read back is left alone.
  public init(
    directory: String, loader: EncoderLoader, limits: ModelLibraryLimits = ModelLibraryLimits(),
    fileSystem: any FileSystem = DiskFileSystem(),
    now: @escaping @Sendable () -> Timestamp = { Timestamp.now() }
  ) throws {
    (self.directory, self.limits, self.fileSystem) = (directory, limits, fileSystem)
    self.now = now
    desk = ImportDesk(loader: loader, fileSystem: fileSystem)
    try fileSystem.createDirectory(directory)
    let stored = try Self.storedAliases(directory + "/aliases.json", fileSystem)
    let named = Set(stored.map(\.model))
    var found: [Identifier: ModelRecord] = [:]
    for name in try fileSystem.names(in: directory) {
      let path = directory + "/" + name
      if name.hasPrefix(Self.incoming) {
        try fileSystem.removeAll(path)
      } else if let bytes = try? fileSystem.read(path + "/" + Self.recordName),
        let record = try? JSONCoding.decode(ModelRecord.self, from: bytes), "\(record.id)" == name
      {
        identifiers.continueAfter(record.id)
        if record.origin == .upload || named.contains(record.id) {
          found[record.id] = record
        } else {
          try fileSystem.removeAll(path)
        }
      }
    }
    records = found
    aliases = Dictionary(
      stored.filter { found[$0.model] != nil }.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
  }

  private static func storedAliases(
    _ path: String, _ fileSystem: any FileSystem
  ) throws -> [ModelAlias] {
    guard FileManager.default.fileExists(atPath: path) else { return [] }
    let bytes = try fileSystem.read(path)
    guard let stored = try? JSONCoding.decode([ModelAlias].self, from: bytes) else {
      throw ModelLibraryError.damaged(path)
    }
    return stored
  }

  /// The file of a model.
  public nonisolated func path(of id: Identifier) -> String {
    "\(directory)/\(id)/\(Self.modelName)"
  }
}

// MARK: - Questions

extension ModelLibrary {
  /// The model that an alias means.
  public func model(alias: String) -> ModelRecord? { named(alias)?.model }

  /// An alias with its model.
  public func named(_ name: String) -> (alias: ModelAlias, model: ModelRecord)? {
    aliases[name].flatMap { alias in records[alias.model].map { (alias, $0) } }
  }

  /// The uploaded model of an identifier or a name; of several of one name the newest.
  public func uploaded(_ text: String) -> ModelRecord? {
    if let id = Identifier(text) { return records[id].flatMap { $0.origin == .upload ? $0 : nil } }
    return uploads.first { $0.name == text }
  }

  /// The uploaded models, the newest first.
  public var uploads: [ModelRecord] {
    records.values.filter { $0.origin == .upload }.sorted { $0.id > $1.id }
  }

  /// The aliases by name, with their models.
  public var named: [(alias: ModelAlias, model: ModelRecord)] {
    aliases.keys.sorted().compactMap(named)
  }
}

// MARK: - Uploads

extension ModelLibrary {
  /// Keeps the model file whose bytes arrive as `body`: one of this product, or a ResNet under torchvision's names.
  ///
  /// - Throws: `ModelLibraryError`, `FileSystemError`; what reading the body throws. Nothing is left behind then.
  public func upload(
    _ body: some AsyncSequence<[UInt8], any Error> & Sendable, _ description: ModelDescription
  ) async throws -> ModelRecord {
    try await publishing(as: description.name, .upload) { folder in
      let sent = folder + "/sent"
      try await receive(body, into: sent)
      let facts = try await desk.convert(sent, to: folder + "/" + Self.modelName, description)
      try fileSystem.remove(sent)
      return facts
    }
  }

  /// Keeps the model that `fill` puts into a folder. Where that fails nothing is left behind.
  private func publishing(
    as name: String, _ origin: ModelRecord.Origin,
    _ fill: (_ folder: String) async throws -> ModelFacts
  ) async throws -> ModelRecord {
    try requireRoom()
    let at = now()
    let id = identifiers.next(at: at)
    let folder = directory + "/" + Self.incoming + id.description
    do {
      try fileSystem.createDirectory(folder)
      let facts = try await fill(folder)
      return try publish(facts, id: id, at: at, name: name, origin: origin, from: folder)
    } catch {
      try? fileSystem.removeAll(folder)  // the first error is the one to tell
      throw error
    }
  }

  private func receive(
    _ body: some AsyncSequence<[UInt8], any Error>, into path: String
  ) async throws {
    let file = try fileSystem.createFile(path)
    var byteCount = 0
    for try await chunk in body {
      byteCount += chunk.count
      guard byteCount <= limits.fileByteCount else {
        throw ModelLibraryError.tooLarge(limit: limits.fileByteCount)
      }
      try file.append(chunk)
    }
    try file.close()
    guard byteCount > 0 else { throw ModelLibraryError.rejected("The body is empty.") }
  }

  private func publish(
    _ facts: ModelFacts, id: Identifier, at: Timestamp, name: String, origin: ModelRecord.Origin,
    from folder: String
  ) throws -> ModelRecord {
    try requireRoom()
    let record = ModelRecord(
      id: id, name: name, createdAt: at, origin: origin, architecture: facts.architecture,
      dimension: facts.dimension, inputSize: facts.inputSize, fingerprint: facts.fingerprint,
      byteCount: facts.byteCount)
    try fileSystem.writeFile(folder + "/" + Self.recordName, try JSONCoding.encode(record))
    try fileSystem.synchronizeDirectory(folder)
    try fileSystem.rename(folder, to: "\(directory)/\(id)")
    try fileSystem.synchronizeDirectory(directory)
    records[id] = record
    return record
  }

  private func requireRoom() throws(ModelLibraryError) {
    guard records.count < limits.models else { throw .tooMany("models", limit: limits.models) }
  }

  /// Removes an uploaded model. Whoever embeds with it meanwhile is answered.
  ///
  /// - Throws: `ModelLibraryError.inUse` where aliases name it; `FileSystemError`.
  public func remove(_ record: ModelRecord) throws {
    let names = aliases.values.filter { $0.model == record.id }.map(\.name).sorted()
    guard names.isEmpty else { throw ModelLibraryError.inUse(record.id, aliases: names) }
    try discard(record.id)
  }

  /// A name that begins with a dot is found by nobody, whatever happens then.
  private func discard(_ id: Identifier) throws(FileSystemError) {
    let hidden = directory + "/" + Self.incoming + "removing-\(id)"
    try fileSystem.rename("\(directory)/\(id)", to: hidden)
    records[id] = nil
    try fileSystem.removeAll(hidden)
  }
}

// MARK: - Aliases

extension ModelLibrary {
  /// What an alias can be given to.
  public enum Target: Sendable {
    /// A model of the library.
    case stored(ModelRecord)
    /// A run's checkpoint.
    case checkpoint(
      file: ModelFile, EncoderConfiguration.Architecture, run: Identifier, runName: String,
      step: Int)
  }

  /// What a caller thinks an alias to be.
  public enum Expectation: Hashable, Sendable {
    /// It does not exist.
    case absent
    /// It exists.
    case present
    /// It means the model of this fingerprint.
    case fingerprint(String)
  }

  /// Gives an alias to a model, from now on and in one step: who asked before is answered by the model of then. The model is opened first; where that fails
  /// the alias stays as it was.
  ///
  /// - Throws: `ModelLibraryError`, `EmbeddingServiceError.modelNotLoadable`, `FileSystemError`; the alias is unchanged then.
  /// - Returns: the model, and whether there was no such alias before.
  public func name(
    _ name: String, _ target: Target, if expectations: [Expectation] = []
  ) async throws -> (model: ModelRecord, isNew: Bool) {
    guard ModelAlias.isName(name) else { throw ModelLibraryError.notAName(name) }
    try require(expectations, of: name)
    let model: ModelRecord
    switch target {
    case .stored(let record): model = record
    case .checkpoint(let file, let architecture, let run, let runName, let step):
      model = try await keep(
        file, architecture, .checkpoint(run: run, runName: runName, step: step))
    }
    // Nothing waits from here on: two callers cannot come between each other's check and change.
    do {
      try require(expectations, of: name)
      guard aliases[name] != nil || aliases.count < limits.aliases else {
        throw ModelLibraryError.tooMany("aliases", limit: limits.aliases)
      }
      guard records[model.id] != nil else { throw ModelLibraryError.notFound(model.name) }
      let before = aliases[name]
      try store(
        aliases.merging([name: ModelAlias(name: name, model: model.id, since: now())]) { $1 })
      discardUnnamed(before?.model)
      return (model, before == nil)
    } catch {
      discardUnnamed(model.id)
      throw error
    }
  }

  /// Takes an alias away.
  ///
  /// - Throws: `ModelLibraryError.notFound`, `.changed`; `FileSystemError`: the alias is still there then.
  public func removeAlias(_ name: String, if expectations: [Expectation] = []) throws {
    guard let alias = aliases[name] else { throw ModelLibraryError.notFound(name) }
    try require(expectations, of: name)
    try store(aliases.filter { $0.key != name })
    discardUnnamed(alias.model)
  }

  private func require(
    _ expectations: [Expectation], of name: String
  ) throws(ModelLibraryError) {
    let current = model(alias: name)
    for expectation in expectations {
      let isMet =
        switch expectation {
        case .absent: current == nil
        case .present: current != nil
        case .fingerprint(let wanted): current?.fingerprint == wanted
        }
      guard isMet else { throw .changed(name) }
    }
  }

  private func store(_ changed: [String: ModelAlias]) throws {
    let list = changed.values.sorted { $0.name < $1.name }
    try fileSystem.replaceFile(directory + "/aliases.json", with: try JSONCoding.encode(list))
    aliases = changed
  }

  /// Keeps a checkpoint's file under a second name.
  private func keep(
    _ file: ModelFile, _ architecture: EncoderConfiguration.Architecture,
    _ origin: ModelRecord.Origin
  ) async throws -> ModelRecord {
    try await publishing(as: file.name, origin) { folder in
      let facts = try await desk.facts(of: file, architecture)
      try fileSystem.keep(file.path, as: folder + "/" + Self.modelName)
      return facts
    }
  }

  /// Removes the copy of a checkpoint that no alias names any more. What stays behind is removed at the next start.
  private func discardUnnamed(_ id: Identifier?) {
    guard let id, let record = records[id], record.origin != .upload,
      !aliases.values.contains(where: { $0.model == id })
    else { return }
    try? discard(id)
  }
}
