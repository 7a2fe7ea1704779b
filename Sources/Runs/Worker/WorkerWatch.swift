import CProcess
import Glibc
import Training

/// What a worker's thread knows: its pipes, the line being read, when it was last heard of.
struct WorkerWatch {
  let process: pid_t
  let limits: WorkerProcess.Limits
  var oomKillsBefore = 0
  private(set) var lastHeard: ContinuousClock.Instant
  private let instant: @Sendable () -> ContinuousClock.Instant
  private(set) var garbageLineCount = 0
  /// Whether the last reading may have left something in a pipe.
  private(set) var hasMore = false
  private let output: Int32
  private let errors: Int32
  private var outputIsOpen = true
  private var errorsAreOpen = true
  private var line: [UInt8] = []
  private var lineIsTooLong = false
  private let log: WorkerLog

  private static let chunkByteCount = 65_536
  private static let pollMilliseconds: Int32 = 100
  /// Lines of garbage that are copied to the log, so that a flood does not wear out the disk.
  private static let loggedGarbageLines = 100

  init(
    _ launched: byol_process, logPath: String, limits: WorkerProcess.Limits,
    instant: @escaping @Sendable () -> ContinuousClock.Instant
  ) {
    self.instant = instant
    lastHeard = instant()
    process = launched.process
    output = launched.output
    errors = launched.errors
    self.limits = limits
    log = WorkerLog(path: logPath, byteLimit: limits.logByteCount)
  }

  var lastWords: WorkerLog.LastWords { log.lastWords }

  func close() {
    log.endLine()
    Glibc.close(output)
    Glibc.close(errors)
  }

  /// Waits a little for something to read, and gives the reports that are complete.
  mutating func read(withOutput: Bool) -> [WorkerReport] {
    let wanted = Int16(POLLIN)
    var polled = [
      pollfd(fd: withOutput && outputIsOpen ? output : -1, events: wanted, revents: 0),
      pollfd(fd: errorsAreOpen ? errors : -1, events: wanted, revents: 0),
    ]
    let timeout = hasMore ? 0 : WorkerWatch.pollMilliseconds
    hasMore = false
    guard unsafe poll(&polled, 2, timeout) > 0 else { return [] }
    if polled[1].revents != 0, let bytes = receive(errors, &errorsAreOpen) {
      hasMore = true
      log.append(bytes[...])
    }
    guard polled[0].revents != 0, let bytes = receive(output, &outputIsOpen) else { return [] }
    hasMore = true
    return reports(from: bytes)
  }

  /// Bytes from a pipe; nil where there are none, and the pipe is no longer open at its end.
  private func receive(_ descriptor: Int32, _ isOpen: inout Bool) -> [UInt8]? {
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: WorkerWatch.chunkByteCount) {
      buffer, count in
      count = unsafe max(0, Glibc.read(descriptor, buffer.baseAddress, buffer.count))
    }
    if bytes.isEmpty && errno != EAGAIN && errno != EINTR { isOpen = false }
    return bytes.isEmpty ? nil : bytes
  }

  private mutating func reports(from bytes: [UInt8]) -> [WorkerReport] {
    var reports: [WorkerReport] = []
    for part in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
      if part.offset > 0, let report = endLine() { reports.append(report) }
      if line.count + part.element.count > WorkerReport.maximumLineByteCount {
        lineIsTooLong = true
      } else {
        line += part.element
      }
    }
    if !reports.isEmpty { lastHeard = instant() }
    return reports
  }

  private mutating func endLine() -> WorkerReport? {
    defer {
      line = []
      lineIsTooLong = false
    }
    if !lineIsTooLong, let report = WorkerReport(line: line) { return report }
    garbageLineCount += 1
    if garbageLineCount <= WorkerWatch.loggedGarbageLines {
      log.append(([UInt8]("not a report: ".utf8) + line.prefix(1000) + [0x0A])[...])
    }
    return nil
  }
}
