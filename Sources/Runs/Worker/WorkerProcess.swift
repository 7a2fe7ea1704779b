import CProcess
import Checkpoints
import Durability
import Foundation
import Glibc
import Synchronization
import Training

// One worker's process, as its coordinator sees it.
//
// Each worker has a watching thread. It polls the two pipes, ten times per second or whenever something comes, cuts
// reports out of standard output, keeps standard error in the log, and looks whether the process has
// ended. It ends the process itself where it has been silent for too long or does not stop in time;
// both are measured with the monotonic clock. The stream of outputs delivers reports in the order they
// were written and ends with exactly one `exited`, after which the process is reaped, its whole group
// is dead, and its lock is free.

/// What comes from a worker.
enum WorkerOutput: Sendable {
  /// A report.
  case report(WorkerReport)
  /// Always last.
  case exited(WorkerExit)
}

/// How a worker ended.
struct WorkerExit: Hashable, Sendable {
  enum Status: Hashable, Sendable {
    case code(Int32)
    case signal(Int32)
  }

  /// Why the coordinator killed it, if it did.
  enum Killing: Hashable, Sendable {
    case request
    case silence
    case stopTooSlow
    /// It held more memory than it may; both in bytes.
    case memory(held: Int, limit: Int)
  }

  var status: Status
  var killing: Killing?
  /// Whether the system killed some process for want of memory meanwhile.
  var memoryRanOut: Bool
  /// Lines of standard output that were not reports.
  var garbageLineCount: Int
  /// What the worker said last on standard error.
  var lastWords: WorkerLog.LastWords
}

final class WorkerProcess: Sendable {
  struct Limits: Sendable {
    var silence: Duration
    var logByteCount: Int
    /// Bytes of memory of its own that the worker may hold.
    var memoryByteCount: Int?
  }

  let outputs: AsyncStream<WorkerOutput>
  private let control: Mutex<Control>
  private let instant: @Sendable () -> ContinuousClock.Instant
  private let continuation: AsyncStream<WorkerOutput>.Continuation

  /// What other threads may ask; `process` is nil once it is reaped and its number may be reused.
  private struct Control {
    var process: pid_t?
    var input: Int32
    var killing: WorkerExit.Killing?
    var stopDeadline: ContinuousClock.Instant?
    var waitingOutputs = 0
  }

  /// Outputs that may wait for the coordinator before the worker is made to wait.
  private static let greatestWaitingOutputs = 1000

  /// Starts a worker; `instant` is the monotonic time that its limits are measured by.
  ///
  /// - Throws: `FileSystemError` where the system cannot start it.
  init(
    _ launch: WorkerLaunch, logPath: String, limits: Limits,
    instant: @escaping @Sendable () -> ContinuousClock.Instant
  ) throws(FileSystemError) {
    self.instant = instant
    let oomKills = WorkerProcess.oomKillCount()
    let launched = try launch.start()
    (outputs, continuation) = AsyncStream.makeStream()
    control = Mutex(Control(process: launched.process, input: launched.input))
    let thread = Thread { [self] in
      var watch = WorkerWatch(launched, logPath: logPath, limits: limits, instant: instant)
      watch.oomKillsBefore = oomKills
      self.watch(&watch)
    }
    thread.name = "worker \(launched.process)"
    thread.start()
  }

  /// Asks it to write a checkpoint and leave, by SIGTERM or by closing its standard input; it is killed
  /// if it is still there after `limit`.
  func askToStop(byClosingInput: Bool, within limit: Duration) {
    control.withLock { control in
      let deadline = instant() + limit
      control.stopDeadline = control.stopDeadline.map { min($0, deadline) } ?? deadline
      if byClosingInput {
        WorkerProcess.closeInput(&control)
      } else if let process = control.process {
        kill(process, SIGTERM)
      }
    }
  }

  /// Lets it live for so long and no longer.
  func end(within limit: Duration) {
    control.withLock { $0.stopDeadline = instant() + limit }
  }

  /// Kills it and all it started.
  func kill(for reason: WorkerExit.Killing) {
    control.withLock { control in
      guard let process = control.process else { return }
      if control.killing == nil { control.killing = reason }
      Glibc.kill(-process, SIGKILL)
    }
  }

  /// To be called by the reader of `outputs` for each of them.
  func consumedOutput() { control.withLock { $0.waitingOutputs -= 1 } }

  private static func closeInput(_ control: inout Control) {
    if control.input >= 0 { close(control.input) }
    control.input = -1
  }

  private func kill(_ process: pid_t, _ signal: Int32) { _ = Glibc.kill(process, signal) }
}

// MARK: - The thread

extension WorkerProcess {
  private func watch(_ watch: inout WorkerWatch) {
    while true {
      let isClogged = control.withLock {
        $0.waitingOutputs > WorkerProcess.greatestWaitingOutputs
      }
      deliver(watch.read(withOutput: !isClogged))
      enforceLimits(watch)
      if let status = endedStatus(watch.process) {
        while case let reports = watch.read(withOutput: true), !reports.isEmpty || watch.hasMore {
          deliver(reports)
        }
        return finish(watch, status)
      }
    }
  }

  private func deliver(_ reports: [WorkerReport]) {
    control.withLock { $0.waitingOutputs += reports.count }
    for report in reports { continuation.yield(.report(report)) }
  }

  private func enforceLimits(_ watch: WorkerWatch) {
    let now = instant()
    if let deadline = control.withLock({ $0.stopDeadline }), now > deadline {
      kill(for: .stopTooSlow)
    } else if now - watch.lastHeard > watch.limits.silence {
      kill(for: .silence)
    } else if let limit = watch.limits.memoryByteCount,
      let held = ownMemoryByteCount(of: watch.process), held > limit
    {
      kill(for: .memory(held: held, limit: limit))
    }
  }

  /// The status of a process that has ended; it is left unreaped, so that its number stays its own.
  private func endedStatus(_ process: pid_t) -> WorkerExit.Status? {
    var (code, signal): (Int32, Int32) = (0, 0)
    guard unsafe byol_process_ended(process, &code, &signal) == 1 else { return nil }
    return signal == 0 ? .code(code) : .signal(signal)
  }

  private func finish(_ watch: WorkerWatch, _ status: WorkerExit.Status) {
    Glibc.kill(-watch.process, SIGKILL)
    let killing = control.withLock { control in
      _ = waitpid(watch.process, nil, 0)
      control.process = nil
      WorkerProcess.closeInput(&control)
      return control.killing
    }
    watch.close()
    let memoryRanOut =
      killing == nil && status == .signal(SIGKILL)
      && WorkerProcess.oomKillCount() > watch.oomKillsBefore
    deliver([])
    continuation.yield(
      .exited(
        WorkerExit(
          status: status, killing: killing, memoryRanOut: memoryRanOut,
          garbageLineCount: watch.garbageLineCount, lastWords: watch.lastWords)))
    continuation.finish()
  }

  /// How many processes the system has killed for want of memory since it started.
  private static func oomKillCount() -> Int {
    guard let text = try? String(contentsOfFile: "/proc/vmstat", encoding: .utf8) else { return 0 }
    let line = text.split(separator: "\n").first { $0.hasPrefix("oom_kill ") }
    return line.flatMap { Int($0.dropFirst("oom_kill ".count)) } ?? 0
  }
}
