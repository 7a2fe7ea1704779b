import Datasets
public import Durability
public import Identifiers
import Images
import Tensors

extension IndexBuild {
  /// Makes an index of vectors that are there already, without pictures or a model: for measurements, and for vectors of other
  /// programs. Items are named by their numbers.
  ///
  /// - Parameters:
  ///   - directory: The folder; it must not exist.
  ///   - rows: Vectors, 1…`SearchLimits.items`.
  ///   - dimension: Components of each.
  ///   - fingerprint: What tells their model from others.
  ///   - storage: How they are stored.
  ///   - fileSystem: Where it is written.
  ///   - now: The time that the index tells.
  ///   - vector: The vector of a row, of any length; asked for in order.
  /// - Throws: `IndexError.files`; what was written stays in the folder.
  public static func importVectors(
    into directory: String, rows: Int, dimension: Int, fingerprint: String,
    storage: VectorStorage = .float32,
    fileSystem: any FileSystem = DiskFileSystem(), now: Timestamp, vector: (Int) -> [Float]
  ) throws(IndexError) {
    precondition(
      (1...SearchLimits.items).contains(rows) && dimension > 0, "\(rows) × \(dimension).")
    do throws(FileSystemError) {
      try fileSystem.createDirectory(directory)
      let file = try fileSystem.createFile(directory + "/" + IndexFile.vectors)
      try file.append(NPY.header(rows: rows, columns: dimension, storage: storage))
      for first in stride(from: 0, to: rows, by: rowsPerFlush) {
        let values = (first..<min(rows, first + rowsPerFlush)).flatMap(vector)
        try append(l2Normalized(values, dimension: dimension), as: storage, to: file)
      }
      try file.close()
    } catch { throw .files(error) }
    let manifest = IndexManifest(
      items: rows, rejected: 0, reused: 0, dimension: dimension, fingerprint: fingerprint,
      precision: "float32", storage: storage, model: "none", source: "vectors", completedAt: now)
    try IndexFiles(directory: directory, fileSystem: fileSystem).write(
      manifest,
      (0..<rows).map { IndexItem(name: "\($0)", label: nil, split: .train, picture: $0) },
      contents: (0..<rows).map { ContentHash(words: [0, UInt64($0)]) }, rejected: [])
  }
}
