import Foundation
public import Glibc

/// Bytes of a process's memory that are not pages of files, such as the mapped pictures; nil where the system does not
/// tell.
public func ownMemoryByteCount(of process: pid_t) -> Int? {
  guard let text = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
    let line = text.split(separator: "\n").first(where: { $0.hasPrefix("RssAnon:") })
  else { return nil }
  return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
    .map { $0 << 10 }
}

/// The same of this process.
public func ownMemoryByteCount() -> Int? { ownMemoryByteCount(of: getpid()) }
