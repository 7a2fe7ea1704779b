import Checkpoints
import Glibc
import Synchronization

/// A file system whose N-th operation, and every one after it, fails: as if the machine had lost its
/// disk there. Reading and looking are not counted, since they change nothing.
final class FailingFileSystem: FileSystem {
  private let disk = DiskFileSystem()
  private let left: Mutex<Int>

  /// Fails the operation number `failing`, counted from 1.
  init(failing: Int) { left = Mutex(failing - 1) }

  /// Whether the operation that fails has been reached.
  var hasFailed: Bool { left.withLock { $0 < 0 } }

  fileprivate func count(_ operation: String, _ path: String) throws(FileSystemError) {
    let isLeft = left.withLock { left in
      left -= left < 0 ? 0 : 1
      return left >= 0
    }
    guard isLeft else { throw FileSystemError(operation: operation, path: path, code: ENOSPC) }
  }

  func createDirectory(_ path: String) throws(FileSystemError) {
    try count("create folder", path)
    try disk.createDirectory(path)
  }

  func createFile(_ path: String) throws(FileSystemError) -> any WritableFile {
    try count("create", path)
    return FailingFile(file: try disk.createFile(path), path: path, fileSystem: self)
  }

  func synchronizeDirectory(_ path: String) throws(FileSystemError) {
    try count("flush folder", path)
    try disk.synchronizeDirectory(path)
  }

  func rename(_ path: String, to newPath: String) throws(FileSystemError) {
    try count("rename", path)
    try disk.rename(path, to: newPath)
  }

  func remove(_ path: String) throws(FileSystemError) {
    try count("remove", path)
    try disk.remove(path)
  }

  func names(in path: String) throws(FileSystemError) -> [String] { try disk.names(in: path) }
  func isDirectory(_ path: String) -> Bool { disk.isDirectory(path) }
  func read(_ path: String) throws(FileSystemError) -> [UInt8] { try disk.read(path) }
}

private struct FailingFile: WritableFile {
  let file: any WritableFile
  let path: String
  let fileSystem: FailingFileSystem

  func append(_ bytes: UnsafeRawBufferPointer) throws(FileSystemError) {
    do throws(FileSystemError) {
      try fileSystem.count("write", path)
    } catch {
      // A full disk takes a part.
      try unsafe file.append(UnsafeRawBufferPointer(rebasing: bytes.prefix(bytes.count / 2)))
      throw error
    }
    try unsafe file.append(bytes)
  }

  func synchronize() throws(FileSystemError) {
    try fileSystem.count("flush", path)
    try file.synchronize()
  }

  func close() throws(FileSystemError) {
    try fileSystem.count("close", path)
    try file.close()
  }
}
