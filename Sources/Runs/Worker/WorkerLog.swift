import Checkpoints
import Glibc

/// The file that keeps what a worker writes to standard error; begun anew when it is full, with one
/// predecessor kept, so that it takes at most twice its limit.
final class WorkerLog {
  private let path: String
  private let byteLimit: Int
  private var descriptor: Int32 = -1
  private var byteCount = 0
  /// What is found in the lines as they pass: a crash prints pages of registers after its one sentence.
  private(set) var lastWords = LastWords()
  private var line: [UInt8] = []
  private static let lineByteLimit = 2000

  /// What a failure's reason is made from.
  struct LastWords: Hashable, Sendable {
    /// The last line that is not empty.
    var line: String?
    /// What Swift's run time says of a trap.
    var fatalError: String?
    /// The line by which an allocation failed.
    var failedAllocation: String?
  }

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
    for part in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
      if part.offset > 0 { endLine() }
      line += part.element.prefix(max(0, WorkerLog.lineByteLimit - line.count))
    }
    if byteCount >= byteLimit {
      _ = unsafe rename(path, path + ".1")
      reopen()
    }
    guard descriptor >= 0 else { return }
    byteCount += bytes.count
    _ = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
  }

  /// Ends the line at hand; also to be called at the end of everything, for a last line without a line feed.
  func endLine() {
    defer { line = [] }
    let text = String(decoding: line, as: UTF8.self).filter { !$0.isNewline }
    guard text.contains(where: { !$0.isWhitespace }) else { return }
    lastWords.line = text
    if let range = text.firstRange(of: "Fatal error: ") {
      lastWords.fatalError = String(text[range.upperBound...])
    }
    let words = ["failed to allocate", "bad_alloc", "cannot allocate memory"]
    if words.contains(where: text.lowercased().contains) { lastWords.failedAllocation = text }
  }
}
