import CSystem
import Glibc

/// The machine's own file system.
public struct DiskFileSystem: FileSystem {
  /// The machine's own file system.
  public init() {}

  /// Makes a folder; nothing happens if it exists.
  public func createDirectory(_ path: String) throws(FileSystemError) {
    guard unsafe mkdir(path, 0o755) != 0 else { return }
    let code = errno
    guard code == EEXIST && isDirectory(path) else {
      throw FileSystemError(operation: "create folder", path: path, code: code)
    }
  }

  /// Makes an empty file for writing.
  public func createFile(_ path: String) throws(FileSystemError) -> any WritableFile {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw FileSystemError(operation: "create", path: path, code: errno)
    }
    return DiskFile(descriptor: descriptor, path: path)
  }

  /// Makes a file that only its owner may read and write. A file or a link of that name is refused.
  public func createPrivateFile(_ path: String) throws(FileSystemError) -> any WritableFile {
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    let descriptor = unsafe open(path, flags, 0o600)
    guard descriptor >= 0 else {
      throw FileSystemError(operation: "create", path: path, code: errno)
    }
    return DiskFile(descriptor: descriptor, path: path)
  }

  /// Opens a file for writing behind its first `byteCount` bytes. A link at the end of the path is refused.
  public func openFile(
    _ path: String, keeping byteCount: Int
  ) throws(FileSystemError) -> any WritableFile {
    let descriptor = unsafe open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else {
      throw FileSystemError(operation: "open", path: path, code: errno)
    }
    let file = DiskFile(descriptor: descriptor, path: path)
    guard ftruncate(descriptor, byteCount) == 0, lseek(descriptor, 0, SEEK_END) == byteCount else {
      throw FileSystemError(operation: "truncate", path: path, code: errno)
    }
    return file
  }

  /// Flushes a folder's entries.
  public func synchronizeDirectory(_ path: String) throws(FileSystemError) {
    let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw FileSystemError(operation: "open folder", path: path, code: errno)
    }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else {
      throw FileSystemError(operation: "flush folder", path: path, code: errno)
    }
  }

  /// Renames a file or folder.
  public func rename(_ path: String, to newPath: String) throws(FileSystemError) {
    guard unsafe Glibc.rename(path, newPath) == 0 else {
      throw FileSystemError(operation: "rename to \(newPath)", path: path, code: errno)
    }
  }

  /// Swaps the names of two files or folders (Linux renameat2(2), `RENAME_EXCHANGE`).
  public func exchange(_ path: String, _ other: String) throws(FileSystemError) {
    let code = unsafe byol_exchange(path, other)
    guard code == 0 else {
      throw FileSystemError(operation: "exchange with \(other)", path: path, code: -code)
    }
  }

  /// Removes a file or an empty folder.
  public func remove(_ path: String) throws(FileSystemError) {
    guard unsafe Glibc.remove(path) != 0 else { return }
    guard errno == ENOENT else {
      throw FileSystemError(operation: "remove", path: path, code: errno)
    }
  }

  /// The names in a folder, sorted.
  public func names(in path: String) throws(FileSystemError) -> [String] {
    guard let directory = unsafe opendir(path) else {
      if errno == ENOENT { return [] }
      throw FileSystemError(operation: "list", path: path, code: errno)
    }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Whether a path names a folder.
  public func isDirectory(_ path: String) -> Bool {
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else { return false }
    return status.st_mode & S_IFMT == S_IFDIR
  }

  /// What tells a file from what it was before; nil where there is none of that name.
  public func stamp(of path: String) throws(FileSystemError) -> FileStamp? {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else {
      if errno == ENOENT { return nil }
      throw FileSystemError(operation: "examine", path: path, code: errno)
    }
    func nanoseconds(_ time: timespec) -> Int64 {
      Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
    return FileStamp(
      inode: UInt64(status.st_ino), byteCount: Int(status.st_size),
      modified: nanoseconds(status.st_mtim), changed: nanoseconds(status.st_ctim),
      permissions: UInt32(status.st_mode & 0o777))
  }

  /// A file's bytes.
  public func read(_ path: String) throws(FileSystemError) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw FileSystemError(operation: "open", path: path, code: errno)
    }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      throw FileSystemError(operation: "examine", path: path, code: errno)
    }
    var failure: Int32 = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: Int(status.st_size)) { buffer, count in
      while count < buffer.count {
        let base = unsafe buffer.baseAddress.map { unsafe $0 + count }
        let received = unsafe Glibc.read(descriptor, base, buffer.count - count)
        if received < 0 && errno == EINTR { continue }
        if received < 0 { failure = errno }
        if received <= 0 { return }
        count += received
      }
    }
    guard failure == 0 else { throw FileSystemError(operation: "read", path: path, code: failure) }
    return bytes
  }
}

/// One open file; the class exists for its `deinit`, which closes what an error left open.
private final class DiskFile: WritableFile {
  private var descriptor: Int32
  private let path: String

  init(descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

  func append(_ bytes: UnsafeRawBufferPointer) throws(FileSystemError) {
    var written = 0
    while written < bytes.count {
      let base = unsafe bytes.baseAddress.map { unsafe $0 + written }
      let count = unsafe write(descriptor, base, bytes.count - written)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw FileSystemError(operation: "write", path: path, code: errno) }
      written += count
    }
  }

  func overwriteStart(_ bytes: UnsafeRawBufferPointer) throws(FileSystemError) {
    guard unsafe pwrite(descriptor, bytes.baseAddress, bytes.count, 0) == bytes.count else {
      throw FileSystemError(operation: "write", path: path, code: errno)
    }
  }

  func synchronize() throws(FileSystemError) {
    guard fsync(descriptor) == 0 else {
      throw FileSystemError(operation: "flush", path: path, code: errno)
    }
  }

  func close() throws(FileSystemError) {
    let closing = descriptor
    descriptor = -1
    guard Glibc.close(closing) == 0 else {
      throw FileSystemError(operation: "close", path: path, code: errno)
    }
  }
}
