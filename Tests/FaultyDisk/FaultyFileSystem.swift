public import Durability
import Synchronization

/// A file system of which one change fails: as that of a disk that is full for a moment, or that is lost there and
/// then. Reading and looking are not counted, since they change nothing.
public final class FaultyFileSystem: FileSystem {
  private let disk = DiskFileSystem()
  private let left: Mutex<Int>
  private let code: Int32
  private let recovers: Bool
  private let countsContent: Bool

  /// A file system of which one change fails.
  ///
  /// - Parameters:
  ///   - failing: The number of that change, counted from 1.
  ///   - code: The system's error number of the failure; by default 28, ENOSPC: no room on the disk.
  ///   - recovers: Whether the changes after it succeed.
  ///   - countsContent: Whether writing to, flushing and closing a file are changes like making one.
  public init(
    failing: Int, code: Int32 = 28, recovers: Bool = false, countsContent: Bool = true
  ) {
    left = Mutex(failing)
    self.code = code
    self.recovers = recovers
    self.countsContent = countsContent
  }

  /// Whether the change that fails has been reached.
  public var hasFailed: Bool { left.withLock { $0 <= 0 } }

  fileprivate func count(_ operation: String, _ path: String) throws(FileSystemError) {
    let isFault = left.withLock { left in
      left -= 1
      return recovers ? left == 0 : left <= 0
    }
    if isFault { throw FileSystemError(operation: operation, path: path, code: code) }
  }

  /// Makes a folder, if it is not its turn to fail.
  public func createDirectory(_ path: String) throws(FileSystemError) {
    try count("create folder", path)
    try disk.createDirectory(path)
  }

  /// Makes a file, if it is not its turn to fail.
  public func createFile(_ path: String) throws(FileSystemError) -> any WritableFile {
    try count("create", path)
    let file = try disk.createFile(path)
    return countsContent ? FaultyFile(file: file, path: path, fileSystem: self) : file
  }

  /// Makes a private file, if it is not its turn to fail.
  public func createPrivateFile(_ path: String) throws(FileSystemError) -> any WritableFile {
    try count("create", path)
    let file = try disk.createPrivateFile(path)
    return countsContent ? FaultyFile(file: file, path: path, fileSystem: self) : file
  }

  /// Opens a file, if it is not its turn to fail.
  public func openFile(
    _ path: String, keeping byteCount: Int
  ) throws(FileSystemError) -> any WritableFile {
    try count("open", path)
    let file = try disk.openFile(path, keeping: byteCount)
    return countsContent ? FaultyFile(file: file, path: path, fileSystem: self) : file
  }

  /// Flushes a folder, if it is not its turn to fail.
  public func synchronizeDirectory(_ path: String) throws(FileSystemError) {
    try count("flush folder", path)
    try disk.synchronizeDirectory(path)
  }

  /// Renames, if it is not its turn to fail.
  public func rename(_ path: String, to newPath: String) throws(FileSystemError) {
    try count("rename", path)
    try disk.rename(path, to: newPath)
  }

  /// Exchanges two names, if it is not its turn to fail.
  public func exchange(_ path: String, _ other: String) throws(FileSystemError) {
    try count("exchange", path)
    try disk.exchange(path, other)
  }

  /// Removes, if it is not its turn to fail.
  public func remove(_ path: String) throws(FileSystemError) {
    try count("remove", path)
    try disk.remove(path)
  }

  /// The names in a folder.
  public func names(in path: String) throws(FileSystemError) -> [String] {
    try disk.names(in: path)
  }
  /// Whether there is a folder.
  public func isDirectory(_ path: String) -> Bool { disk.isDirectory(path) }
  /// A file's bytes.
  public func read(_ path: String) throws(FileSystemError) -> [UInt8] { try disk.read(path) }
  /// What tells a file from what it was.
  public func stamp(of path: String) throws(FileSystemError) -> FileStamp? {
    try disk.stamp(of: path)
  }
}

private struct FaultyFile: WritableFile {
  let file: any WritableFile
  let path: String
  let fileSystem: FaultyFileSystem

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

  func overwriteStart(_ bytes: UnsafeRawBufferPointer) throws(FileSystemError) {
    try fileSystem.count("write", path)
    try unsafe file.overwriteStart(bytes)
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
