import Glibc

/// A whole file mapped into memory for reading; unmapped when the last owner lets go.
@safe
final class MappedFile: Sendable {
  let byteCount: Int
  private nonisolated(unsafe) let base: UnsafeRawPointer?

  init(path: String, name: String) throws(PackError) {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system(call: "open", file: name, errno: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      throw .system(call: "fstat", file: name, errno: errno)
    }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .notAPack(file: name) }
    byteCount = Int(status.st_size)
    guard byteCount > 0 else {
      unsafe base = nil
      return
    }
    let mapped = unsafe mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
      throw .system(call: "mmap", file: name, errno: errno)
    }
    unsafe base = UnsafeRawPointer(mapped)
  }

  deinit {
    guard let base = unsafe base else { return }
    unsafe munmap(UnsafeMutableRawPointer(mutating: base), byteCount)
  }

  /// Calls `body` with `count` bytes from `offset` on, which must lie inside the file.
  func withBytes<Result, Failure: Error>(
    at offset: Int, count: Int, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(offset >= 0 && count >= 0 && offset + count <= byteCount, "Outside the file.")
    let start = unsafe base.map { unsafe $0 + offset }
    return try unsafe body(UnsafeRawBufferPointer(start: start, count: count))
  }

  func bytes(at offset: Int, count: Int) -> [UInt8] {
    unsafe withBytes(at: offset, count: count) { unsafe Array($0) }
  }
}
