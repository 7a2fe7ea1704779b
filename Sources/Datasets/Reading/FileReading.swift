import Glibc

enum FileKind { case file, directory, other }

/// What is at `path`, a link at its end followed; nil for nothing.
func fileKind(_ path: String) -> FileKind? {
  var status = stat()
  guard unsafe stat(path, &status) == 0 else { return nil }
  return kind(ofMode: status.st_mode)
}

/// What is at `path`, links not followed, with its size; nil for nothing.
func fileKindAndSize(_ path: BytePath) -> (kind: FileKind, isLink: Bool, byteCount: Int)? {
  var status = stat()
  guard unsafe path.withCString({ unsafe lstat($0, &status) }) == 0 else { return nil }
  let isLink = status.st_mode & S_IFMT == S_IFLNK
  return (kind(ofMode: status.st_mode), isLink, Int(status.st_size))
}

/// The size of a file and the time of its last change, as text; nil for nothing.
func fileVersion(_ path: String) -> String? {
  var status = stat()
  guard unsafe stat(path, &status) == 0 else { return nil }
  return "\(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
}

private func kind(ofMode mode: mode_t) -> FileKind {
  switch mode & S_IFMT {
  case S_IFREG: .file
  case S_IFDIR: .directory
  default: .other
  }
}

/// The names in a directory but for `.` and `..`, as bytes and sorted by them; nil where it cannot be read.
func namesSorted(in directory: BytePath) -> [[UInt8]]? {
  guard let stream = unsafe directory.withCString({ unsafe opendir($0) }) else { return nil }
  defer { unsafe closedir(stream) }
  var names: [[UInt8]] = []
  while let entry = unsafe readdir(stream) {
    let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { field in
      unsafe Array(field.prefix { $0 != 0 })
    }
    if name != Array(".".utf8), name != Array("..".utf8) { names.append(name) }
  }
  return names.sorted { $0.lexicographicallyPrecedes($1) }
}

/// A regular file open for reading at any offset; closed when let go.
final class ReadableFile {
  let byteCount: Int
  private let descriptor: Int32

  /// Opens the file; nil where it cannot be opened or is none. With `followsLinks` false, a link at the end of the path is
  /// refused.
  init?(_ path: BytePath, followsLinks: Bool) {
    // Without O_NONBLOCK the opening of a pipe would wait for its other end.
    let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (followsLinks ? 0 : O_NOFOLLOW)
    descriptor = unsafe path.withCString { unsafe open($0, flags) }
    guard descriptor >= 0 else { return nil }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      return nil
    }
    byteCount = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// `count` bytes from `offset` on, fewer where the file ends before; nil where they cannot be read.
  func bytes(at offset: Int, count: Int) -> [UInt8]? {
    let wanted = max(0, min(count, byteCount - offset))
    // The standard library would write the count into the empty array's storage, which all threads share.
    guard wanted > 0 else { return [] }
    var failed = false
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
      while filled < wanted {
        let start = unsafe buffer.baseAddress.map { unsafe $0 + filled }
        let got = unsafe pread(descriptor, start, wanted - filled, offset + filled)
        if got < 0, errno == EINTR { continue }
        failed = got < 0
        if got <= 0 { return }
        filled += got
      }
    }
    return failed ? nil : bytes
  }
}

/// The bytes of a regular file, `limit` + 1 at most; nil where it cannot be read.
///
/// A link at the end of the path is refused.
func readFile(_ path: BytePath, limit: Int) -> [UInt8]? {
  ReadableFile(path, followsLinks: false)?.bytes(at: 0, count: limit + 1)
}
