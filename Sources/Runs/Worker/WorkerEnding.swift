import Training

/// What a worker's end means for its run.
enum WorkerEnding: Hashable, Sendable {
  /// All steps are done.
  case succeeded
  /// It left with a checkpoint because it was asked to.
  case stopped
  /// It died; another worker may do better.
  case crashed(RunReason)
  /// Another worker would fail as well.
  case gaveUp(RunReason)
}

extension WorkerEnding {
  /// The meaning of an exit after the last report of kind `finished` or `failed`, if there was one.
  init(_ exit: WorkerExit, lastWord: WorkerReport?) {
    switch (lastWord?.kind, exit.status) {
    case (.finished, .code(WorkerReport.exitFinished)):
      self = lastWord?.outcome == .succeeded ? .succeeded : .stopped
    case (.failed, _):
      self = .gaveUp(
        lastWord?.reason
          ?? RunReason(code: "worker_failed", detail: "The worker failed without a reason."))
    default: self = .crashed(WorkerEnding.reason(exit))
    }
  }

  private static func reason(_ exit: WorkerExit) -> RunReason {
    let (code, sentence) = cause(exit)
    let garbage =
      exit.garbageLineCount > 0
      ? " It wrote \(exit.garbageLineCount) lines that are not reports." : ""
    let log = exit.lastLines.isEmpty ? "" : "\n" + exit.lastLines
    return RunReason(code: code, detail: sentence + garbage + log)
  }

  private static func cause(_ exit: WorkerExit) -> (code: String, sentence: String) {
    switch (exit.killing, exit.status) {
    case (.silence, _): ("hung", "The worker gave no sign of life and was killed.")
    case (.stopTooSlow, _): ("stop_too_slow", "The worker did not stop in time and was killed.")
    case (.memory(let held, let limit), _):
      ("out_of_memory", "\(MemoryLimitExceeded(held: held, limit: limit)) It was killed.")
    case (.request, _): ("killed", "The worker was killed by request.")
    case (nil, _) where exit.memoryRanOut:
      ("out_of_memory", "The system killed the worker for want of memory.")
    case (nil, .signal(let signal)): ("crashed", "The worker was ended by signal \(signal).")
    case (nil, .code(0)): ("crashed", "The worker left without saying that it had finished.")
    case (nil, .code(let code)): ("crashed", "The worker left with exit code \(code).")
    }
  }
}
