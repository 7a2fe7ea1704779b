public import Glibc

/// An exclusive lock on a file, held by every process that has the descriptor open; the system lets it
/// go when the last of them ends, however it ends.
public final class FileLock: Sendable {
  /// Always 10 or greater, so that it never meets the numbers a child expects.
  public let descriptor: Int32
  /// The file that `release` removes.
  private let temporaryPath: String?

  /// The lock, or nil where another process, or another opening in this one, holds it.
  ///
  /// - Parameters:
  ///   - path: The file; made where it is missing.
  ///   - isTemporary: Whether `release` removes the file. All who lock the same file must say the same.
  /// - Throws: `FileSystemError` where the file cannot be made.
  public init?(path: String, isTemporary: Bool = false) throws(FileSystemError) {
    while true {
      let descriptor = try Self.open(path)
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        close(descriptor)
        return nil
      }
      // Whoever held the lock may have removed the file since it was opened here. Then this lock is of a file that nobody
      // finds any more, and another process can lock the next one of the same name.
      if !isTemporary || Self.isFile(descriptor, at: path) {
        (self.descriptor, temporaryPath) = (descriptor, isTemporary ? path : nil)
        return
      }
      close(descriptor)
    }
  }

  private static func open(_ path: String) throws(FileSystemError) -> Int32 {
    let opened = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard opened >= 0 else { throw FileSystemError(operation: "open", path: path, code: errno) }
    let descriptor = fcntl(opened, F_DUPFD_CLOEXEC, 10)
    let code = errno
    close(opened)
    guard descriptor >= 0 else { throw FileSystemError(operation: "open", path: path, code: code) }
    return descriptor
  }

  private static func isFile(_ descriptor: Int32, at path: String) -> Bool {
    var (opened, named) = (stat(), stat())
    return unsafe fstat(descriptor, &opened) == 0 && lstat(path, &named) == 0
      && opened.st_dev == named.st_dev && opened.st_ino == named.st_ino
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Lets the lock go, whoever has the descriptor open: a process that is just being started has a copy of everything
  /// until it runs its program.
  public func release() {
    // While the lock is still held: nobody else who obeys it removes or locks the file meanwhile.
    if let temporaryPath, Self.isFile(descriptor, at: temporaryPath) {
      unsafe unlink(temporaryPath)
    }
    flock(descriptor, LOCK_UN)
  }

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
