import Foundation

/// What the kernel tells of this process in `/proc/self/status` (proc_pid_status(5)).
struct ProcessStatus: Sendable, Equatable {
  /// Bytes in memory now, and at most since the start; nil where the kernel does not tell.
  var residentByteCount: Int?
  var peakByteCount: Int?
  /// Whether the process and what it starts can gain no privileges.
  var hasNoNewPrivileges = false
  /// Whether a seccomp filter judges its system calls.
  var hasFilter = false

  /// This process.
  static var current: ProcessStatus {
    ProcessStatus(
      parsing: (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? "")
  }

  /// Reads the lines that are known.
  init(parsing text: String) {
    for line in text.split(separator: "\n") {
      let words = line.split(whereSeparator: { " \t".contains($0) })
      guard words.count >= 2, let value = Int(words[1]) else { continue }
      switch words[0] {
      case "VmRSS:": residentByteCount = value * 1024
      case "VmHWM:": peakByteCount = value * 1024
      case "NoNewPrivs:": hasNoNewPrivileges = value != 0
      // 0 none, 1 strict, 2 a filter.
      case "Seccomp:": hasFilter = value == 2
      default: break
      }
    }
  }
}
