import Durability
import Images
import JSONTree

/// Writes the files of an index beside its vectors, which are there already.
struct IndexFiles {
  let directory: String
  let fileSystem: any FileSystem

  /// Writes the table of items, the codes of the vectors, the rejected pictures and the manifest, each flushed to the disk.
  ///
  /// - Throws: `IndexError.files`, or `.damaged` where the vectors are not those of the manifest.
  func write(
    _ manifest: IndexManifest, _ items: [IndexItem], contents: [ContentHash],
    rejected: [RejectedPicture]
  ) throws(IndexError) {
    let vectors = try VectorFile(
      path: path(IndexFile.vectors), rows: manifest.items, dimension: manifest.dimension,
      storage: manifest.vectorStorage)
    do throws(FileSystemError) {
      try write(IndexFile.items) { (file) throws(FileSystemError) in
        for bytes in ItemTable.bytes(items, contents: contents) { try file.append(bytes) }
      }
      try fileSystem.writeFile(path(IndexFile.rejected), rejected.flatMap(jsonLine))
      try write(IndexFile.codes) { (file) throws(FileSystemError) in
        try CodeFile.write(vectors, to: file)
      }
      try fileSystem.writeFile(path(IndexFile.manifest), (try? JSONCoding.encode(manifest)) ?? [])
    } catch { throw .files(error) }
  }

  private func path(_ name: String) -> String { directory + "/" + name }

  private func write(
    _ name: String, _ body: (any WritableFile) throws(FileSystemError) -> Void
  ) throws(FileSystemError) {
    let file = try fileSystem.createFile(path(name))
    try body(file)
    try file.synchronize()
    try file.close()
  }
}
