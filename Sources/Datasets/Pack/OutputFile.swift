import Durability
import Glibc

/// A file being written: buffered, flushed to the disk by `finish`, closed when let go.
struct OutputFile: ~Copyable {
  private let file: any WritableFile
  private let name: String
  private var pending: [UInt8] = []
  private(set) var byteCount = 0
  private static let bufferByteCount = 1 << 20

  /// Makes the file `name` in `directory`.
  init(_ name: String, in directory: String, _ fileSystem: any FileSystem) throws(PackError) {
    self.name = name
    file = try naming(name) { () throws(FileSystemError) in
      try fileSystem.createFile(directory + "/" + name)
    }
  }

  /// Goes on with the file `name` in `directory` behind its first `byteCount` bytes; the others are cut off.
  init(
    continuing name: String, in directory: String, at byteCount: Int, _ fileSystem: any FileSystem
  ) throws(PackError) {
    self.name = name
    self.byteCount = byteCount
    file = try naming(name) { () throws(FileSystemError) in
      try fileSystem.openFile(directory + "/" + name, keeping: byteCount)
    }
  }

  mutating func write(_ bytes: [UInt8]) throws(PackError) {
    pending += bytes
    byteCount += bytes.count
    if pending.count >= OutputFile.bufferByteCount { try flush() }
  }

  mutating func overwriteStart(with bytes: [UInt8]) throws(PackError) {
    try flush()
    try naming(name) { () throws(FileSystemError) in try file.overwriteStart(bytes) }
  }

  /// Everything to the disk itself; nothing can be written afterwards.
  mutating func finish() throws(PackError) {
    try flush()
    try naming(name) { () throws(FileSystemError) in
      try file.synchronize()
      // Some file systems tell of a failed write only when the file is closed.
      try file.close()
    }
  }

  /// Everything to the system.
  mutating func flush() throws(PackError) {
    guard !pending.isEmpty else { return }
    let bytes = pending
    try naming(name) { () throws(FileSystemError) in try file.append(bytes) }
    pending.removeAll(keepingCapacity: true)
  }
}

/// Turns a failure of the file system into one of the pack, with the file's name in place of its path.
func naming<Result>(
  _ name: String, _ body: () throws(FileSystemError) -> Result
) throws(PackError) -> Result {
  do throws(FileSystemError) {
    return try body()
  } catch {
    throw .system(call: error.operation, file: name, errno: error.code)
  }
}

/// A file of a pack, mapped into memory.
///
/// - Throws: `notAPack` where the path names no file.
func mapped(_ path: String, name: String) throws(PackError) -> MappedFile {
  do throws(FileSystemError) {
    return try MappedFile(path: path)
  } catch {
    throw error.code == EINVAL
      ? .notAPack(file: name) : .system(call: error.operation, file: name, errno: error.code)
  }
}
