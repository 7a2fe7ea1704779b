public import Glibc

/// An exclusive lock on a file, held by every process that has the descriptor open; the system lets it
/// go when the last of them ends, however it ends.
public final class FileLock: Sendable {
  /// Always 10 or greater, so that it never meets the numbers a child expects.
  public let descriptor: Int32

  /// The lock, or nil where another process, or another opening in this one, holds it.
  ///
  /// - Throws: `FileSystemError` where the file cannot be made.
  public init?(path: String) throws(FileSystemError) {
    let opened = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard opened >= 0 else { throw FileSystemError(operation: "open", path: path, code: errno) }
    descriptor = fcntl(opened, F_DUPFD_CLOEXEC, 10)
    let code = errno
    close(opened)
    guard descriptor >= 0 else { throw FileSystemError(operation: "open", path: path, code: code) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return nil }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Lets the lock go, whoever has the descriptor open: a process that is just being started has a copy of everything
  /// until it runs its program.
  public func release() { flock(descriptor, LOCK_UN) }

  /// Leaves a process number in the file, for whoever finds it locked.
  public func note(process: pid_t) {
    let text = [UInt8]("\(process)\n".utf8)
    _ = ftruncate(descriptor, 0)
    _ = unsafe text.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
  }

  /// The process number that was left in a lock's file.
  public static func notedProcess(path: String) -> pid_t? {
    guard let bytes = try? DiskFileSystem().read(path) else { return nil }
    let text = String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)
    return pid_t(text).flatMap { $0 > 1 ? $0 : nil }
  }
}
