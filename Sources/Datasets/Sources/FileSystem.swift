import Glibc

enum FileKind { case file, directory, other }

/// What is at `path`, a link at its end followed; nil for nothing.
func fileKind(_ path: String) -> FileKind? {
  var status = stat()
  guard unsafe stat(path, &status) == 0 else { return nil }
  return kind(ofMode: status.st_mode)
}

/// What is at `path`, links not followed, with its size; nil for nothing.
func fileKindAndSize(_ path: String) -> (kind: FileKind, isLink: Bool, byteCount: Int)? {
  var status = stat()
  guard unsafe lstat(path, &status) == 0 else { return nil }
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

/// The names in a directory but for `.` and `..`, sorted by their bytes; nil where it cannot be read.
func namesSorted(in directory: String) -> [String]? {
  guard let stream = unsafe opendir(directory) else { return nil }
  defer { unsafe closedir(stream) }
  var names: [String] = []
  while let entry = unsafe readdir(stream) {
    let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
      unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) { text in
        unsafe String(cString: text)
      }
    }
    if name != ".", name != ".." { names.append(name) }
  }
  return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
}

/// The bytes of a regular file, `limit` + 1 at most; nil where it cannot be read.
///
/// A link at the end of the path is refused.
func readFile(_ path: String, limit: Int) -> [UInt8]? {
  let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  var status = stat()
  guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
    return nil
  }
  let wanted = min(Int(status.st_size), limit + 1)
  var failed = false
  let bytes = unsafe [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
    while count < wanted {
      let start = unsafe buffer.baseAddress.map { unsafe $0 + count }
      let got = unsafe read(descriptor, start, wanted - count)
      if got < 0, errno == EINTR { continue }
      failed = got < 0
      if got <= 0 { return }
      count += got
    }
  }
  return failed ? nil : bytes
}

/// Removes a directory and everything in it; links are removed, never followed.
func removeTree(_ path: String) {
  guard let found = fileKindAndSize(path) else { return }
  if found.kind == .directory, !found.isLink {
    for name in namesSorted(in: path) ?? [] { removeTree(path + "/" + name) }
    _ = unsafe rmdir(path)
  } else {
    _ = unsafe unlink(path)
  }
}
