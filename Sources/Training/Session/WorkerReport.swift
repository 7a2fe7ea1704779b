import JSONTree
public import Metrics

/// One line of JSON that a worker writes to its standard output.
///
/// # The worker's side of the protocol
///
/// The coordinator starts `<launch line> --run-directory DIR --pack DIR [--threads N]`, by default `byol train …`, in
/// a process group of its own, with lower priority. A run has one process at a time.
///
/// In the run directory the worker finds `recipe.json` (a `Recipe` as `JSONCoding` writes it) and, if the run had a
/// worker before, `checkpoints/<step>/{state.safetensors, model.safetensors}`. It goes on from the newest checkpoint
/// that reads back (`CheckpointFolder.newest`), removes what an earlier worker left half-written, and writes new
/// checkpoints with `CheckpointFolder.publish`, and `best/model.safetensors`, the model of the checkpoint that an evaluation
/// liked best. It keeps no other file. What it writes to standard error is kept in
/// `worker.log`.
///
/// Standard output carries reports only. Each is one line and is flushed at once:
/// - `started` once, just before the first update: the step that the worker goes on from, in `declared` the metrics that it
///   will report, in `threads` those that it computes on, and in `warning` what its owner should know, such as that the run
///   goes on with other rounding;
/// - `progress` after an update, about five times per second at most, and always after the last update: `step` is the
///   number of updates done, `metrics` the values by name. A value whose metric was not declared is not kept, and the
///   run's events say so. `images_per_second` and `view_wait_share` are also shown as the run's progress;
/// - `checkpoint` after a checkpoint is published and durable, with the step of the `best` so far where checkpoints are
///   judged;
/// - `heartbeat` from the thread that does the work, where some seconds pass without another report (loading,
///   compiling, long updates); the first one says in `confinement` what the kernel holds the worker to;
/// - `finished` as the last line, with the `outcome` `succeeded` (all steps are done) or `stopped` (the worker was
///   asked to stop); a checkpoint of that step is published before, unless no update was done at all;
/// - `failed` as the last line, for a failure that would occur again (dataset unreadable, loss not finite, recipe of
///   a newer version): the run fails and is not restarted.
///
/// A worker is asked to stop in one of two ways: by SIGTERM, or by the end of its standard input. The coordinator
/// holds that open and never writes to it, so it also ends where the service dies. The worker then finishes the
/// present update, publishes a checkpoint, reports `checkpoint` and `finished`, and exits with 0. Before the first update of
/// the run there is nothing to publish: random weights are no model. It ignores SIGPIPE and SIGINT. A report that cannot be written is dropped.
///
/// Behind a launcher the worker may also be told `--niceness N`, which it gives itself, and `--memory-bytes N`: where
/// it holds more, it reports `failed` with `out_of_memory`.
///
/// With `--measure` it does not train the run. It does updates for a few seconds, writes no file, reports `progress`
/// with the metric `images_per_second` after each update, with `memory_bytes` where the updates are as large as the
/// recipe's, and then `finished`.
///
/// Exit codes: 0 after `finished`; 65 after `failed`. Anything else, or a signal, is a crash: the coordinator starts
/// a new worker from the newest checkpoint, up to five times.
public struct WorkerReport: Hashable, Sendable, Codable {
  /// What a report tells.
  public enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
    /// The first update is about to be computed.
    case started
    /// An update is done.
    case progress
    /// A checkpoint is durable.
    case checkpoint
    /// Still alive, nothing new.
    case heartbeat
    /// The worker leaves as it should.
    case finished
    /// The worker leaves because going on makes no sense.
    case failed
  }

  /// How a worker finished.
  public enum Outcome: String, Hashable, Sendable, Codable, CaseIterable {
    /// All steps are done.
    case succeeded
    /// It was asked to stop.
    case stopped
  }

  /// What the report tells.
  public var kind: Kind
  /// Updates done, 0 for a fresh run.
  public var step: Int?
  /// The metrics that the worker will report (`started`).
  public var declared: [Metric]?
  /// The threads of its updates (`started`); sums are rounded alike for equal numbers of threads.
  public var threads: Int?
  /// What the run's owner should know of this start (`started`).
  public var warning: RunReason?
  /// The step of the best checkpoint so far (`checkpoint`), 0 for the weights that the run began with (`progress`).
  public var best: Int?
  /// The most memory that the worker has held, in bytes (`progress` of a measurement).
  public var memoryBytes: Int?
  /// The update's values (`progress`).
  public var metrics: MetricValues?
  /// The verdict, where it was computed anew (`progress`).
  public var health: RunHealth?
  /// What the kernel holds the worker to, measured by itself (the first `heartbeat`).
  public var confinement: ProcessConfinement?
  /// How it ended (`finished`).
  public var outcome: Outcome?
  /// Why it failed (`failed`).
  public var reason: RunReason?

  /// A report of a kind.
  public init(kind: Kind, step: Int? = nil) {
    self.kind = kind
    self.step = step
  }
}

extension WorkerReport {
  /// The exit code after `finished`.
  public static let exitFinished: Int32 = 0
  /// The exit code after `failed`.
  public static let exitFailed: Int32 = 65

  /// `started` at a step, with the metrics that will be reported.
  public static func started(
    step: Int, declared: [Metric], threads: Int? = nil, warning: RunReason? = nil
  ) -> WorkerReport {
    var report = WorkerReport(kind: .started, step: step)
    report.declared = declared
    report.threads = threads
    report.warning = warning
    return report
  }

  /// `checkpoint` of a step, with the step of the best one so far.
  public static func checkpoint(step: Int, best: Int? = nil) -> WorkerReport {
    var report = WorkerReport(kind: .checkpoint, step: step)
    report.best = best
    return report
  }

  /// `heartbeat`.
  public static var heartbeat: WorkerReport { WorkerReport(kind: .heartbeat) }

  /// `heartbeat` with what the kernel holds the worker to.
  public static func confined(_ confinement: ProcessConfinement) -> WorkerReport {
    var report = WorkerReport(kind: .heartbeat)
    report.confinement = confinement
    return report
  }

  /// `progress` after the update that made `step` updates done.
  public static func progress(
    step: Int, metrics: MetricValues, health: RunHealth? = nil
  ) -> WorkerReport {
    var report = WorkerReport(kind: .progress, step: step)
    report.metrics = metrics
    report.health = health
    return report
  }

  /// `finished` with an outcome.
  public static func finished(step: Int, outcome: Outcome) -> WorkerReport {
    var report = WorkerReport(kind: .finished, step: step)
    report.outcome = outcome
    return report
  }

  /// `failed` for a reason.
  public static func failed(_ reason: RunReason) -> WorkerReport {
    var report = WorkerReport(kind: .failed)
    report.reason = reason
    return report
  }

  /// The report as one line with its line feed.
  public var line: [UInt8] {
    do {
      return try JSONCoding.encode(self) + [0x0A]
    } catch {
      preconditionFailure("A report of finite numbers and strings was not encodable: \(error)")
    }
  }

  /// A report from one line without its line feed; nil for anything that is not one.
  public init?(line: [UInt8]) {
    guard line.count <= WorkerReport.maximumLineByteCount,
      let report = try? JSONCoding.decode(WorkerReport.self, from: line),
      report.declared.map({ $0.count <= MetricLimits.metrics }) ?? true
    else { return nil }
    self = report
  }

  /// The longest line that is read, in bytes.
  public static let maximumLineByteCount = 65_536
}
