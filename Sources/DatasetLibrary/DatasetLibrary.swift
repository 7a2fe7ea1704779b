import Datasets
import Durability
import Foundation
public import Identifiers
import Images
public import JSONTree
import Synchronization

/// The datasets of a data folder: `datasets/<id>/` with the pack, `report.json` and `dataset.json`.
///
/// A dataset appears by one rename of a complete folder and disappears by another; names that begin with a dot
/// are on their way in or out. Admission works on a thread of its own, one dataset after the other.
public final class DatasetLibrary: Sendable {
  /// What the library is held to.
  public struct Settings: Sendable {
    /// The longest upload in bytes; 16 GiB by default.
    public var uploadByteCount = 16 << 30
    /// Uploads that may be under way at once.
    public var uploads = 4
    /// Folders whose content may be admitted by path; none by default.
    public var roots: [String] = []

    /// The defaults.
    public init() {}
  }

  private struct State {
    var records: [String: DatasetRecord] = [:]
    var admitting: [String: AdmittingDataset] = [:]
    var uploads = 0
    /// Keys of requests that are being answered for the first time.
    var keys: Set<String> = []
    /// Paths that are being admitted.
    var sources: Set<String> = []
  }

  /// The folder of all datasets.
  public let directory: String
  private let settings: Settings
  private let identifiers = IdentifierSource()
  private let admission: any DatasetAdmission
  private let desk: AdmissionDesk
  private let state: Mutex<State>

  /// Opens the library, takes away what a crash left behind.
  ///
  /// - Throws: whatever the file system throws; a folder whose `dataset.json` does not read is left alone and
  ///   not listed.
  public init(
    directory: String, settings: Settings = Settings(), admission: any DatasetAdmission
  ) throws {
    self.directory = directory
    self.settings = settings
    self.admission = admission
    desk = AdmissionDesk(admission)
    let files = FileManager.default
    try files.createDirectory(atPath: directory, withIntermediateDirectories: true)
    var records: [String: DatasetRecord] = [:]
    for name in try files.contentsOfDirectory(atPath: directory) {
      if name.hasPrefix("."), !DatasetLibrary.canGoOn(directory + "/" + name) {
        try files.removeItem(atPath: directory + "/" + name)
      } else if let record = DatasetLibrary.record(in: directory + "/" + name), record.id == name {
        records[name] = record
      }
    }
    state = Mutex(State(records: records))
  }

  /// Whether a leftover is an admission by path that was killed within the last week: asking for that path again goes
  /// on with it.
  private static func canGoOn(_ path: String) -> Bool {
    guard path.contains("/" + pathPrefix), path.hasSuffix(".partial"),
      let attributes = try? FileManager.default.attributesOfItem(atPath: path),
      let changed = attributes[.modificationDate] as? Date
    else { return false }
    return changed.timeIntervalSinceNow > -7 * 86_400
  }

  private static let pathPrefix = ".admitting-path-"

  private static func record(in folder: String) -> DatasetRecord? {
    guard let bytes = FileManager.default.contents(atPath: folder + "/dataset.json") else {
      return nil
    }
    return try? JSONCoding.decode(DatasetRecord.self, from: Array(bytes))
  }

  /// The folder of one dataset, whether it exists or not.
  public func path(of id: String) -> String { directory + "/" + id }

  /// One dataset.
  ///
  /// - Throws: `DatasetLibraryError.notFound`, or `.notReady` while it is being admitted.
  public func record(_ id: String) throws(DatasetLibraryError) -> DatasetRecord {
    let (record, isAdmitting) = state.withLock { ($0.records[id], $0.admitting[id] != nil) }
    guard let record else { throw isAdmitting ? .notReady(id) : .notFound(id) }
    return record
  }

  /// A dataset that is being admitted; nil for others.
  public func admitting(_ id: String) -> AdmittingDataset? { state.withLock { $0.admitting[id] } }

  /// Datasets, admitted or on their way, newest first, older than `after`; at most `limit`.
  public func listing(
    limit: Int, after: Identifier?
  ) -> (items: [ListedDataset], hasMore: Bool) {
    let (records, admitting) = state.withLock { ($0.records, $0.admitting) }
    let ids = (Array(records.keys) + Array(admitting.keys))
      .filter { id in after.map { id < $0.description } ?? true }.sorted(by: >)
    let items = ids.prefix(limit).compactMap { id in
      records[id].map(ListedDataset.admitted) ?? admitting[id].map(ListedDataset.admitting)
    }
    return (items, ids.count > limit)
  }

  /// Bytes on disk of all datasets of an owner.
  public func byteCount(ofOwner owner: String?) -> Int {
    state.withLock { state in
      state.records.values.reduce(0) { $1.owner == owner ? $0 + $1.sizeBytes : $0 }
    }
  }

  /// Whether no dataset was admitted.
  public var isEmpty: Bool { state.withLock { $0.records.isEmpty } }

  /// What admission found.
  ///
  /// - Throws: `DatasetLibraryError.notFound`.
  public func report(of id: String) throws(DatasetLibraryError) -> JSONValue {
    guard let bytes = FileManager.default.contents(atPath: path(of: id) + "/report.json"),
      let report = try? JSONValue(parsing: Array(bytes))
    else { throw .notFound(id) }
    return report
  }

  /// One picture.
  ///
  /// - Throws: `DatasetLibraryError.notFound`, `.noSuchImage`; whatever reading throws.
  public func picture(_ index: Int, of id: String) throws -> DatasetPicture {
    let record = try record(id)
    guard (0..<record.pictures).contains(index) else {
      throw DatasetLibraryError.noSuchImage(id, index: index, count: record.pictures)
    }
    return try admission.picture(index, of: id, in: path(of: id))
  }

  /// At most `limit` pictures from number `first` on that the filter names, in the dataset's order.
  ///
  /// - Throws: `DatasetLibraryError.notFound`, `.noSuchLabel`; whatever reading throws.
  public func pictures(
    of id: String, _ filter: DatasetFilter, from first: Int, limit: Int
  ) throws -> [ListedPicture] {
    _ = try record(id)
    return try admission.pictures(filter, from: first, limit: limit, in: path(of: id))
  }

  /// Gives a dataset another name.
  ///
  /// - Throws: `DatasetLibraryError.notFound`, `.notReady`, `.diskFull`: it has its old name then.
  public func rename(_ id: String, to name: String) throws -> DatasetRecord {
    var renamed = try record(id)
    renamed.name = name
    let bytes = try JSONCoding.encode(renamed)
    do throws(FileSystemError) {
      try DiskFileSystem().replaceFile(path(of: id) + "/dataset.json", with: bytes)
    } catch {
      throw error.isDiskFull ? DatasetLibraryError.diskFull : error
    }
    // Removed meanwhile: it does not come back.
    state.withLock { if $0.records[id] != nil { $0.records[id] = renamed } }
    return renamed
  }
}

// MARK: - Coming in

extension DatasetLibrary {
  /// Admits the archive whose bytes arrive as `body`; `byteCount` is how many there will be, where that is known.
  ///
  /// - Throws: `DatasetLibraryError`; what reading the body throws. Nothing is left behind then.
  public func admit(
    body: some AsyncSequence<[UInt8], any Error>, byteCount: Int?, name: String?,
    key: String? = nil, claim: DatasetClaim = DatasetClaim()
  ) async throws -> DatasetRecord {
    if let earlier = key.flatMap({ record(under: $0) }) {
      var digest = SHA256()
      for try await chunk in body { digest.update(chunk) }
      return try confirmed(earlier, digest.hexDigest())
    }
    return try await underKey(key) {
      try begin(expecting: byteCount)
      defer { state.withLock { $0.uploads -= 1 } }
      let id = identifiers.next(at: .now()).description
      var file = try IncomingFile(
        path: directory + "/.incoming-\(id)", limit: settings.uploadByteCount)
      var room = claim.byteLimit.map { $0 - self.byteCount(ofOwner: claim.owner) } ?? .max
      var digest = SHA256()
      for try await chunk in body {
        room -= chunk.count
        // A pack takes about as much as its archive: what cannot fit is not waited for.
        guard room >= 0 else { throw claim.exceeded }
        try file.append(chunk)
        if key != nil { digest.update(chunk) }
      }
      try file.finish()
      let mark = key.map { IdempotencyMark(key: $0, bodyDigest: digest.hexDigest()) }
      return try await admit(
        source: file.path, id: id, name: name ?? "Upload \(Timestamp.now())", mark, claim)
    }
  }

  /// The dataset that an `Idempotency-Key` made.
  private func record(under key: String) -> DatasetRecord? {
    state.withLock { $0.records.values.first { $0.idempotency?.key == key } }
  }

  private func confirmed(
    _ earlier: DatasetRecord, _ digest: String
  ) throws(DatasetLibraryError) -> DatasetRecord {
    guard earlier.idempotency?.bodyDigest == digest else { throw .idempotencyConflict }
    return earlier
  }

  /// Refuses a key whose first request is not answered yet.
  private func underKey(
    _ key: String?, _ admit: () async throws -> DatasetRecord
  ) async throws -> DatasetRecord {
    guard let key else { return try await admit() }
    guard state.withLock({ $0.keys.insert(key).inserted }) else { throw DatasetLibraryError.busy }
    defer { state.withLock { _ = $0.keys.remove(key) } }
    return try await admit()
  }

  /// Admits a folder or archive of this machine.
  ///
  /// - Throws: `DatasetLibraryError`. Nothing is left behind then.
  public func admit(
    path: String, name: String?, mark: IdempotencyMark? = nil, claim: DatasetClaim = DatasetClaim()
  ) async throws -> DatasetRecord {
    if let mark, let earlier = record(under: mark.key) {
      return try confirmed(earlier, mark.bodyDigest)
    }
    let source = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    let isAllowed = settings.roots.contains { root in
      let folder = URL(fileURLWithPath: root).resolvingSymlinksInPath().path
      return source == folder || source.hasPrefix(folder + "/")
    }
    guard path.hasPrefix("/"), isAllowed, FileManager.default.fileExists(atPath: source) else {
      throw DatasetLibraryError.pathNotAllowed(path)
    }
    return try await underKey(mark?.key) {
      try begin(expecting: nil)
      defer { state.withLock { $0.uploads -= 1 } }
      guard state.withLock({ $0.sources.insert(source).inserted }) else {
        throw DatasetLibraryError.busy
      }
      defer { _ = state.withLock { $0.sources.remove(source) } }
      let fallback = URL(fileURLWithPath: source).lastPathComponent
      let hash = ContentHash(Array(source.utf8)).words.map { String($0, radix: 16) }.joined()
      return try await admit(
        source: source, id: identifiers.next(at: .now()).description, name: name ?? fallback,
        folder: Self.pathPrefix + hash, mark, claim)
    }
  }

  /// Admits the folder that `write` makes, such as the demo's drawn pictures.
  ///
  /// - Throws: whatever `write` throws. Nothing is left behind then.
  public func admit(
    name: String, writing write: @escaping @Sendable (_ directory: String) throws -> AdmittedDataset
  ) async throws -> DatasetRecord {
    try await publish(id: identifiers.next(at: .now()).description, name: name) {
      [desk] folder, _ in
      try await desk.perform { try write(folder) }
    }
  }

  private func begin(expecting byteCount: Int?) throws(DatasetLibraryError) {
    if let byteCount {
      guard byteCount <= settings.uploadByteCount else {
        throw .tooLarge(limit: settings.uploadByteCount)
      }
      guard byteCount < freeByteCount() else { throw .diskFull }
    }
    let isFree = state.withLock { state in
      guard state.uploads < settings.uploads else { return false }
      state.uploads += 1
      return true
    }
    if !isFree { throw .busy }
  }

  private func freeByteCount() -> Int {
    let attributes = try? FileManager.default.attributesOfFileSystem(forPath: directory)
    return (attributes?[.systemFreeSize] as? NSNumber)?.intValue ?? .max
  }

  private func admit(
    source: String, id: String, name: String, folder: String? = nil, _ mark: IdempotencyMark?,
    _ claim: DatasetClaim
  ) async throws -> DatasetRecord {
    try await publish(id: id, name: name, folder: folder, mark, claim) { [desk] folder, progress in
      try await desk.admit(source: source, into: folder, progress: progress)
    }
  }

  /// Fills a folder beside the others, completes it, and renames it to its place.
  private func publish(
    id: String, name: String, folder: String? = nil, _ mark: IdempotencyMark? = nil,
    _ claim: DatasetClaim = DatasetClaim(),
    fill: (
      _ folder: String, _ progress: @escaping @Sendable (AdmissionProgress) -> Void
    ) async throws -> AdmittedDataset
  ) async throws -> DatasetRecord {
    let folder = directory + "/" + (folder ?? ".admitting-\(id)")
    state.withLock { $0.admitting[id] = AdmittingDataset(id: id, name: name, beganAt: .now()) }
    defer { state.withLock { $0.admitting[id] = nil } }
    do {
      let admitted = try await fill(folder) { [self] told in
        state.withLock { $0.admitting[id]?.progress = told }
      }
      let record = try complete(folder, id: id, name: name, mark, claim, admitted)
      try FileManager.default.moveItem(atPath: folder, toPath: path(of: id))
      try synchronize(directory)
      state.withLock {
        $0.records[id] = record
        $0.admitting[id] = nil
      }
      return record
    } catch {
      try? FileManager.default.removeItem(atPath: folder)  // the first error is the one to tell
      throw isDiskFull(error) ? DatasetLibraryError.diskFull : error
    }
  }

  private func complete(
    _ folder: String, id: String, name: String, _ mark: IdempotencyMark?,
    _ claim: DatasetClaim, _ admitted: AdmittedDataset
  ) throws -> DatasetRecord {
    let record = DatasetRecord(
      id: id, name: name, createdAt: .now(), pictures: admitted.pictures, labels: admitted.labels,
      splits: admitted.splits, sizeBytes: byteCount(of: folder), size: admitted.size,
      idempotency: mark, owner: claim.owner)
    if let limit = claim.byteLimit, record.sizeBytes > limit - byteCount(ofOwner: claim.owner) {
      throw claim.exceeded
    }
    try write(try JSONCoding.encode(record), to: folder + "/dataset.json")
    try synchronize(folder)
    return record
  }

  private func write(_ bytes: [UInt8], to path: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    try synchronize(path)
  }

  private func byteCount(of folder: String) -> Int {
    let files = FileManager.default
    let names = (try? files.contentsOfDirectory(atPath: folder)) ?? []
    return names.reduce(0) { sum, name in
      let attributes = try? files.attributesOfItem(atPath: folder + "/" + name)
      return sum + ((attributes?[.size] as? NSNumber)?.intValue ?? 0)
    }
  }
}

/// Whether an error is a full disk, however it is wrapped.
private func isDiskFull(_ error: any Error) -> Bool {
  if let error = error as? POSIXError { return error.code == .ENOSPC || error.code == .EDQUOT }
  let error = error as NSError
  return error.domain == NSCocoaErrorDomain && error.code == CocoaError.fileWriteOutOfSpace.rawValue
}

// MARK: - Going out

extension DatasetLibrary {
  /// Removes a dataset. It is out of sight for everybody before its use is asked for, so that no run can start on
  /// it meanwhile.
  ///
  /// - Throws: `DatasetLibraryError.notFound`, or `.inUse`: then it is still there.
  public func remove(_ id: String, isInUse: () async throws -> Bool) async throws {
    let record = state.withLock { $0.records.removeValue(forKey: id) }
    guard let record else {
      throw admitting(id) == nil ? DatasetLibraryError.notFound(id) : .notReady(id)
    }
    do {
      guard try await !isInUse() else { throw DatasetLibraryError.inUse(id) }
      try FileManager.default.moveItem(
        atPath: path(of: id), toPath: directory + "/.removing-\(id)")
    } catch {
      state.withLock { $0.records[id] = record }
      throw error
    }
    admission.forget(path(of: id))
    try synchronize(directory)
    try FileManager.default.removeItem(atPath: directory + "/.removing-\(id)")
  }
}
