import Datasets
import Durability
import Images
import JSONTree

/// What an interrupted build must have in common with the one that goes on with it.
struct BuildNote: Codable, Hashable {
  var fingerprint: String
  var precision: String
  var dimension: Int
  var source: String
  /// How vectors are stored; nil for float32, as before there was anything else.
  var storage: VectorStorage?

  var vectorStorage: VectorStorage { storage ?? .float32 }

  /// The head of the file of vectors.
  func header(rows: Int) -> [UInt8] {
    NPY.header(rows: rows, columns: dimension, storage: vectorStorage)
  }
}

/// One picture that a build has dealt with, in the source's order.
struct BuildEntry: Codable, Hashable {
  var name: String
  var label: String?
  var split: Split
  /// The halves of the hash of the picture's bytes, in hexadecimal; nil where it was rejected.
  var hash: [String]?
  var isReused: Bool?
  /// Why it has no vector.
  var rejection: UnreadablePicture?

  var content: ContentHash {
    ContentHash(words: (hash ?? ["0", "0"]).map { UInt64($0, radix: 16) ?? 0 })
  }
}

/// The files of a build that is under way: vectors, and a line for each picture.
///
/// Vectors are flushed before the lines that tell of them, so that after a crash each line has its vector.
final class BuildJournal {
  let directory: String
  private let note: BuildNote
  private let fileSystem: any FileSystem
  private(set) var entries: [BuildEntry] = []
  /// Of the entries, those that have a vector, and those whose vector was taken over.
  private(set) var (rows, reused) = (0, 0)
  private(set) var unflushed = 0
  private var vectors: any WritableFile
  private var lines: any WritableFile
  private var pendingVectors: [Float] = []
  private var pendingLines: [UInt8] = []

  /// Entries that have no vector.
  var rejected: Int { entries.count - rows }

  private static let notePath = "/" + IndexFile.buildNote
  private static let linesPath = "/" + IndexFile.buildLines

  /// Goes on with what is in a folder, where its note is the same; else makes the folder anew.
  ///
  /// - Throws: `IndexError.files`.
  init(directory: String, note: BuildNote, fileSystem: any FileSystem) throws(IndexError) {
    self.directory = directory
    self.fileSystem = fileSystem
    self.note = note
    do throws(FileSystemError) {
      let vectorsPath = directory + "/" + IndexFile.vectors
      let before = (try? fileSystem.read(directory + Self.notePath)).flatMap {
        try? JSONCoding.decode(BuildNote.self, from: $0)
      }
      // The vectors are cut off only, never made longer: bytes that were not written would be vectors of zeros.
      if before == note, let written = try? fileSystem.read(directory + Self.linesPath),
        case let (found, byteCount) = Self.entries(in: written),
        Self.holds(found, note, vectorsPath)
      {
        lines = try fileSystem.openFile(directory + Self.linesPath, keeping: byteCount)
        vectors = try fileSystem.openFile(
          vectorsPath, keeping: Self.vectorBytes(found, note))
        entries = found
        (rows, reused) = Self.counts(found)
        return
      }
      try fileSystem.removeAll(directory)
      try fileSystem.createDirectory(directory)
      lines = try fileSystem.createFile(directory + Self.linesPath)
      vectors = try fileSystem.createFile(vectorsPath)
      try vectors.append(note.header(rows: 0))
      try vectors.synchronize()
      try fileSystem.writeFile(directory + Self.notePath, (try? JSONCoding.encode(note)) ?? [])
      try fileSystem.synchronizeDirectory(directory)
    } catch { throw .files(error) }
  }

  /// Whether a file has the vectors of all entries.
  private static func holds(_ entries: [BuildEntry], _ note: BuildNote, _ path: String) -> Bool {
    ((try? MappedFile(path: path))?.byteCount ?? 0) >= vectorBytes(entries, note)
  }

  /// The bytes of the vectors of entries, with the head before them.
  private static func vectorBytes(_ entries: [BuildEntry], _ note: BuildNote) -> Int {
    NPY.headerByteCount + note.vectorStorage.byteCount * note.dimension * counts(entries).rows
  }

  private static func counts(_ entries: [BuildEntry]) -> (rows: Int, reused: Int) {
    (entries.count { $0.rejection == nil }, entries.count { $0.isReused == true })
  }

  /// The whole lines that read back, up to the first that does not, and their bytes.
  private static func entries(in bytes: [UInt8]) -> ([BuildEntry], Int) {
    var (entries, end): ([BuildEntry], Int) = ([], 0)
    while let newline = bytes[end...].firstIndex(of: 0x0A),
      let entry = try? JSONCoding.decode(BuildEntry.self, from: Array(bytes[end..<newline]))
    {
      entries.append(entry)
      end = newline + 1
    }
    return (entries, end)
  }

  /// Adds what became of the next picture; on the disk after the next `flush`.
  func append(_ outcome: PictureOutcome) throws(IndexError) {
    var entry = BuildEntry(
      name: outcome.picture.name, label: outcome.picture.label, split: outcome.picture.split)
    switch outcome.result {
    case .success(let found):
      entry.hash = found.content.words.map { String($0, radix: 16) }
      if found.isReused { entry.isReused = true }
      pendingVectors += found.vector
      rows += 1
      reused += found.isReused ? 1 : 0
    case .failure(let reason):
      entry.rejection = reason
    }
    pendingLines += jsonLine(entry)
    entries.append(entry)
    unflushed += 1
  }

  /// Brings everything to the disk.
  ///
  /// - Throws: `IndexError.files`.
  func flush() throws(IndexError) {
    guard unflushed > 0 else { return }
    do throws(FileSystemError) {
      try Retrieval.append(pendingVectors, as: note.vectorStorage, to: vectors)
      try vectors.synchronize()
      try lines.append(pendingLines)
      try lines.synchronize()
    } catch { throw .files(error) }
    (pendingVectors, pendingLines, unflushed) = ([], [], 0)
  }

  /// Forgets the pictures from a place on, of which the source has none any more.
  ///
  /// - Throws: `IndexError.files`.
  func keep(_ count: Int) throws(IndexError) {
    entries.removeSubrange(count...)
    (rows, reused) = Self.counts(entries)
    do throws(FileSystemError) {
      try lines.close()
      try vectors.close()
      lines = try fileSystem.createFile(directory + Self.linesPath)
      try lines.append(entries.flatMap(jsonLine))
      vectors = try fileSystem.openFile(
        directory + "/" + IndexFile.vectors, keeping: Self.vectorBytes(entries, note))
    } catch { throw .files(error) }
  }

  /// Writes the number of rows into the head of the vectors and closes them.
  ///
  /// - Throws: `IndexError.files`.
  func finishVectors() throws(IndexError) {
    do throws(FileSystemError) {
      try vectors.overwriteStart(note.header(rows: rows))
      try vectors.synchronize()
      try vectors.close()
    } catch { throw .files(error) }
  }

  /// Removes what only a build needs.
  func removeNotes() throws(FileSystemError) {
    try lines.close()
    try fileSystem.remove(directory + Self.linesPath)
    try fileSystem.remove(directory + Self.notePath)
  }
}

/// A value as a line of JSON; its types have nothing that JSON cannot hold.
func jsonLine(_ value: some Encodable) -> [UInt8] {
  ((try? JSONCoding.encode(value)) ?? []) + [0x0A]
}
