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
    default:
      let reason = WorkerEnding.reason(exit)
      // What a plan asks for and the machine does not have, it does not have for the next worker either.
      self = exit.hasFailedToAllocate ? .gaveUp(reason) : .crashed(reason)
    }
  }

  /// The reason as a sentence or two. What a crash prints is in the run's `worker.log`.
  private static func reason(_ exit: WorkerExit) -> RunReason {
    var (code, detail) = cause(exit)
    if exit.garbageLineCount > 0 {
      detail += " It wrote \(exit.garbageLineCount) lines that are not reports."
    }
    if let words = exit.quotation {
      let quoted = words.prefix(WorkerEnding.quotedCharacters)
      detail += " It said: \(quoted)\(quoted.count < words.count ? "…" : "")"
    }
    return RunReason(code: code, detail: detail)
  }

  /// Characters of the worker's own words in a reason.
  private static let quotedCharacters = 300

  private static func cause(_ exit: WorkerExit) -> (code: String, sentence: String) {
    switch (exit.killing, exit.status) {
    case (.silence, _): ("hung", "The worker gave no sign of life and was killed.")
    case (.stopTooSlow, _): ("stop_too_slow", "The worker did not stop in time and was killed.")
    case (.memory(let held, let limit), _):
      ("out_of_memory", "\(MemoryLimitExceeded(held: held, limit: limit)) It was killed.")
    case (.request, _): ("killed", "The worker was killed by request.")
    case (nil, _) where exit.memoryRanOut:
      ("out_of_memory", "The system killed the worker for want of memory.")
    case (nil, _) where exit.hasFailedToAllocate:
      ("out_of_memory", "The worker asked for more memory than the machine has.")
    case (nil, .signal(let signal)): ("crashed", "The worker was ended by signal \(signal).")
    case (nil, .code(0)): ("crashed", "The worker left without saying that it had finished.")
    case (nil, .code(let code)): ("crashed", "The worker left with exit code \(code).")
    }
  }
}

extension WorkerExit {
  /// Whether it ended by itself because an allocation failed.
  var hasFailedToAllocate: Bool {
    guard killing == nil, lastWords.failedAllocation != nil, case .signal = status else {
      return false
    }
    return true
  }

  /// What of the worker's words belongs into the reason: after a signal only what names the trap, since the lines after
  /// it are registers and addresses.
  fileprivate var quotation: String? {
    guard killing == nil else { return nil }
    if case .code = status { return lastWords.fatalError ?? lastWords.line }
    return lastWords.failedAllocation ?? lastWords.fatalError
  }
}
