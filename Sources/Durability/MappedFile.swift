import Glibc

/// A whole file mapped into memory for reading; unmapped when the last owner lets go.
///
/// The bytes are in the page cache, which the system takes back when others need the memory. A file that is mapped must not be
/// made shorter: published files never are, they are replaced as a whole.
@safe
public final class MappedFile: Sendable {
  /// Bytes of the file.
  public let byteCount: Int
  private nonisolated(unsafe) let base: UnsafeRawPointer?

  /// Maps the file at a path.
  ///
  /// - Throws: `FileSystemError`; its code is `EINVAL` where the path names no regular file.
  public init(path: String) throws(FileSystemError) {
    func failure(_ operation: String, _ code: Int32) -> FileSystemError {
      FileSystemError(operation: operation, path: path, code: code)
    }
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("open", errno) }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw failure("fstat", errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw failure("map", EINVAL) }
    byteCount = Int(status.st_size)
    guard byteCount > 0 else {
      unsafe base = nil
      return
    }
    let mapped = unsafe mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
      throw failure("mmap", errno)
    }
    unsafe base = UnsafeRawPointer(mapped)
  }

  deinit {
    guard let base = unsafe base else { return }
    unsafe munmap(UnsafeMutableRawPointer(mutating: base), byteCount)
  }

  /// Calls `body` with `count` bytes from `offset` on, which must lie inside the file.
  public func withBytes<Result, Failure: Error>(
    at offset: Int, count: Int, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(offset >= 0 && count >= 0 && offset + count <= byteCount, "Outside the file.")
    let start = unsafe base.map { unsafe $0 + offset }
    return try unsafe body(UnsafeRawBufferPointer(start: start, count: count))
  }

  /// Bytes of the file, which must lie inside it.
  public func bytes(at offset: Int, count: Int) -> [UInt8] {
    unsafe withBytes(at: offset, count: count) { unsafe Array($0) }
  }
}
