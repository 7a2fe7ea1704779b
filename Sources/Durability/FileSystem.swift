import Glibc

/// The file operations that durable writing needs, one call each, so that tests can fail any of them.
///
/// Paths are absolute or relative to the working directory.
public protocol FileSystem: Sendable {
  /// Makes a folder; nothing happens if it exists. Its parent must exist.
  func createDirectory(_ path: String) throws(FileSystemError)
  /// Makes an empty file for writing; an existing one is cut to nothing.
  func createFile(_ path: String) throws(FileSystemError) -> any WritableFile
  /// Makes a file that only its owner may read and write (mode 0600); there must be none of that name.
  func createPrivateFile(_ path: String) throws(FileSystemError) -> any WritableFile
  /// Opens a file for writing behind its first `byteCount` bytes; what it has beyond them is cut off.
  func openFile(_ path: String, keeping byteCount: Int) throws(FileSystemError) -> any WritableFile
  /// Flushes a folder's own entries to the disk.
  func synchronizeDirectory(_ path: String) throws(FileSystemError)
  /// Gives a file or folder another name; replaces a file of that name.
  func rename(_ path: String, to newPath: String) throws(FileSystemError)
  /// Lets two files or folders, which both exist, swap their names in one step.
  func exchange(_ path: String, _ other: String) throws(FileSystemError)
  /// Removes a file or an empty folder; nothing happens if there is none.
  func remove(_ path: String) throws(FileSystemError)
  /// The names in a folder, sorted; empty if there is no such folder.
  func names(in path: String) throws(FileSystemError) -> [String]
  /// Whether a path names a folder.
  func isDirectory(_ path: String) -> Bool
  /// A file's bytes.
  func read(_ path: String) throws(FileSystemError) -> [UInt8]
  /// What tells a file from what it was before, without reading it; nil where there is none of that name.
  func stamp(of path: String) throws(FileSystemError) -> FileStamp?
}

/// What the system knows of a file: another one, or one that was written to, has another stamp, unless it was written to
/// twice within one tick of the system's clock.
public struct FileStamp: Hashable, Sendable {
  /// The number of the file on its disk.
  public let inode: UInt64
  /// Bytes.
  public let byteCount: Int
  /// When it was last written to, in nanoseconds since 1970-01-01T00:00:00Z.
  public let modified: Int64
  /// When anything about it last changed, its owner and its mode included, in the same unit.
  public let changed: Int64
  /// Who may do what with it: the lowest nine bits of the mode.
  public let permissions: UInt32

  /// The stamp of a file.
  public init(
    inode: UInt64, byteCount: Int, modified: Int64, changed: Int64, permissions: UInt32
  ) {
    self.inode = inode
    self.byteCount = byteCount
    self.modified = modified
    self.changed = changed
    self.permissions = permissions
  }
}

/// A file that is being written, from one thread at a time; closed by `close`, or when it is released.
public protocol WritableFile {
  /// Appends bytes.
  func append(_ bytes: UnsafeRawBufferPointer) throws(FileSystemError)
  /// Puts bytes in place of the file's first ones, which must be there.
  func overwriteStart(_ bytes: UnsafeRawBufferPointer) throws(FileSystemError)
  /// Flushes what was appended to the disk.
  func synchronize() throws(FileSystemError)
  /// Closes the file.
  func close() throws(FileSystemError)
}

/// A failed file operation.
public struct FileSystemError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The operation, such as `rename`.
  public let operation: String
  /// The path it was given.
  public let path: String
  /// The system's error number, such as `ENOSPC`.
  public let code: Int32

  /// A failed operation.
  public init(operation: String, path: String, code: Int32) {
    self.operation = operation
    self.path = path
    self.code = code
  }

  /// Whether the disk, or the user's share of it, is full.
  public var isDiskFull: Bool { code == ENOSPC || code == EDQUOT }

  /// Whether the place can only be read, or the disk does not take what is written.
  public var isNotWritable: Bool { [EROFS, EACCES, EPERM, EIO].contains(code) }

  /// The system's reason, such as `No such file or directory`.
  public var reason: String { unsafe String(cString: strerror(code)) }

  /// The value as text.
  public var description: String { "\(operation) \(path): \(reason)" }
}

extension FileSystem {
  /// Removes a file, or a folder with all it holds; nothing happens if there is none.
  ///
  /// - Throws: `FileSystemError`; part of a folder may be gone then.
  public func removeAll(_ path: String) throws(FileSystemError) {
    if isDirectory(path) {
      for name in try names(in: path) { try removeAll(path + "/" + name) }
    }
    try remove(path)
  }

  /// Writes a file so that a reader sees the old bytes or the new ones, never a part; durable on return.
  ///
  /// - Throws: `FileSystemError`; the old file is untouched then, unless only the last flush failed.
  public func replaceFile(_ path: String, with bytes: [UInt8]) throws(FileSystemError) {
    try replaceFile(path) { (file) throws(FileSystemError) in try file.append(bytes) }
  }

  /// Writes a file piece by piece so that a reader sees the old bytes or the new ones, never a part; durable on return.
  ///
  /// - Throws: `FileSystemError`; the old file is untouched then, unless only the last flush failed, and what was written
  ///   is removed, since it may be what filled the disk.
  public func replaceFile(
    _ path: String, writing write: (any WritableFile) throws(FileSystemError) -> Void
  ) throws(FileSystemError) {
    try replaceFile(
      path, making: { (beside) throws(FileSystemError) in try createFile(beside) }, write)
  }

  /// The same for a file that only its owner may read: at no moment can anybody else, under whatever name.
  ///
  /// - Throws: `FileSystemError`; the old file is untouched then, unless only the last flush failed.
  public func replacePrivateFile(_ path: String, with bytes: [UInt8]) throws(FileSystemError) {
    try replaceFile(
      path,
      making: { (beside) throws(FileSystemError) in
        // What a crash has left there may be open to others, and somebody may have it open.
        try remove(beside)
        return try createPrivateFile(beside)
      }
    ) { (file) throws(FileSystemError) in try file.append(bytes) }
  }

  private func replaceFile(
    _ path: String,
    making make: (_ beside: String) throws(FileSystemError) -> any WritableFile,
    _ write: (any WritableFile) throws(FileSystemError) -> Void
  ) throws(FileSystemError) {
    let beside = path + ".writing"
    do throws(FileSystemError) {
      let file = try make(beside)
      try write(file)
      try file.synchronize()
      try file.close()
      try rename(beside, to: path)
    } catch {
      try? remove(beside)
      throw error
    }
    try synchronizeDirectory(ofEntry: path)
  }

  /// Flushes the entries of the folder that a path is in.
  ///
  /// - Throws: `FileSystemError`.
  public func synchronizeDirectory(ofEntry path: String) throws(FileSystemError) {
    try synchronizeDirectory(parent(of: path))
  }

  /// Gives a file that never changes a second name, or makes a copy where the file system has no second names.
  ///
  /// - Throws: `FileSystemError`; a part of a copy may be there then.
  public func keep(_ path: String, as second: String) throws(FileSystemError) {
    if unsafe link(path, second) == 0 { return }
    try writeFile(second, try read(path))
  }

  /// Makes a file with these bytes and flushes it.
  public func writeFile(_ path: String, _ bytes: [UInt8]) throws(FileSystemError) {
    let file = try createFile(path)
    try file.append(bytes)
    try file.synchronize()
    try file.close()
  }

  private func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}

extension WritableFile {
  /// Appends bytes.
  ///
  /// - Throws: `FileSystemError`.
  public func append(_ bytes: [UInt8]) throws(FileSystemError) {
    try append(elements: bytes)
  }

  /// Puts bytes in place of the file's first ones, which must be there.
  ///
  /// - Throws: `FileSystemError`.
  public func overwriteStart(_ bytes: [UInt8]) throws(FileSystemError) {
    let result: Result<Void, FileSystemError> = unsafe bytes.withUnsafeBytes { bytes in
      do throws(FileSystemError) {
        try unsafe overwriteStart(bytes)
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try result.get()
  }

  /// Appends the bytes of plain numbers as they lie in memory.
  public func append<Element: BitwiseCopyable>(elements: [Element]) throws(FileSystemError) {
    let result: Result<Void, FileSystemError> = unsafe elements.withUnsafeBytes { bytes in
      do throws(FileSystemError) {
        try unsafe append(bytes)
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try result.get()
  }
}
