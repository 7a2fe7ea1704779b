import Checkpoints
import Glibc

/// The file that keeps what a worker writes to standard error; begun anew when it is full, with one
/// predecessor kept, so that it takes at most twice its limit.
final class WorkerLog {
  private let path: String
  private let byteLimit: Int
  private var descriptor: Int32 = -1
  private var byteCount = 0
  /// The last lines, for the reason of a failure.
  private var tail: [UInt8] = []
  private static let tailByteCount = 2000

  /// A log at a path, appended to if it exists. A log that cannot be written is dropped: it must
  /// not take the run down.
  init(path: String, byteLimit: Int) {
    self.path = path
    self.byteLimit = byteLimit
    reopen()
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  private func reopen() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    byteCount = descriptor >= 0 ? max(0, Int(lseek(descriptor, 0, SEEK_END))) : 0
  }

  func append(_ bytes: ArraySlice<UInt8>) {
    tail += bytes.suffix(WorkerLog.tailByteCount)
    tail.removeFirst(max(0, tail.count - WorkerLog.tailByteCount))
    if byteCount >= byteLimit {
      _ = unsafe rename(path, path + ".1")
      reopen()
    }
    guard descriptor >= 0 else { return }
    byteCount += bytes.count
    _ = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
  }

  /// Up to the last ten lines.
  var lastLines: String {
    String(decoding: tail, as: UTF8.self).split(separator: "\n").suffix(10)
      .joined(separator: "\n")
  }
}
