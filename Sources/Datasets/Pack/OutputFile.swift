import Glibc

/// A file being written: buffered, flushed to the disk by `finish`, closed when let go.
struct OutputFile: ~Copyable {
  private let descriptor: Int32
  private let name: String
  private var pending: [UInt8] = []
  private(set) var byteCount = 0
  private static let bufferByteCount = 1 << 20

  /// Creates the file at `path`, which must not exist.
  init(path: String, name: String) throws(PackError) {
    self.name = name
    descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .system(call: "open", file: name, errno: errno) }
  }

  /// Goes on with the file at `path` after its first `byteCount` bytes; the others are cut off.
  init(continuing path: String, name: String, at byteCount: Int) throws(PackError) {
    self.name = name
    self.byteCount = byteCount
    descriptor = unsafe open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { throw .system(call: "open", file: name, errno: errno) }
    guard ftruncate(descriptor, byteCount) == 0, lseek(descriptor, 0, SEEK_END) == byteCount else {
      throw .system(call: "ftruncate", file: name, errno: errno)
    }
  }

  deinit { close(descriptor) }

  mutating func write(_ bytes: [UInt8]) throws(PackError) {
    pending += bytes
    byteCount += bytes.count
    if pending.count >= OutputFile.bufferByteCount { try flush() }
  }

  mutating func overwriteStart(with bytes: [UInt8]) throws(PackError) {
    try flush()
    guard unsafe pwrite(descriptor, bytes, bytes.count, 0) == bytes.count else {
      throw .system(call: "pwrite", file: name, errno: errno)
    }
  }

  /// Everything to the disk itself.
  mutating func finish() throws(PackError) {
    try flush()
    guard fsync(descriptor) == 0 else {
      throw .system(call: "fsync", file: name, errno: errno)
    }
  }

  /// Everything to the system.
  mutating func flush() throws(PackError) {
    var done = 0
    while done < pending.count {
      let count = unsafe pending.span.withUnsafeBytes { bytes in
        unsafe Glibc.write(
          descriptor, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw .system(call: "write", file: name, errno: errno) }
      done += count
    }
    pending.removeAll(keepingCapacity: true)
  }
}

/// Flushes a directory's names to the disk.
func synchronizeDirectory(_ path: String) throws(PackError) {
  let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard descriptor >= 0 else { throw .system(call: "open", file: "directory", errno: errno) }
  defer { close(descriptor) }
  guard fsync(descriptor) == 0 else {
    throw .system(call: "fsync", file: "directory", errno: errno)
  }
}
