import JSONTree

/// One line of JSON that a worker writes to its standard output.
///
/// # The worker's side of the protocol
///
/// The coordinator starts `<launch line> --run-directory DIR --pack DIR [--threads N]`, by default
/// `byol train …`, in a process group of its own, at lower priority, one process a run at a time.
///
/// In the run directory the worker finds `recipe.json` (a `Recipe` as `JSONCoding` writes it) and,
/// if it ran before, `checkpoints/<step>/{state.safetensors, model.safetensors}`; it goes on from
/// the newest checkpoint that reads back (`CheckpointFolder.newest`) and writes new ones with
/// `CheckpointFolder.publish`. It keeps no other file. What it writes to standard error is kept in
/// `worker.log`.
///
/// Standard output carries reports only, one line each, flushed at once:
/// - `started` once, when the first update is about to be computed: the step it goes on from;
/// - `progress` after an update, at most about ten a second, the last update's always: `step` is
///   the number of updates done;
/// - `checkpoint` after a checkpoint is published and durable;
/// - `heartbeat` from the thread that does the work, where more than some seconds pass without
///   another report (loading, compiling, long updates);
/// - `finished` as the last line, with `outcome` `succeeded` (all steps done) or `stopped` (asked
///   to stop); a checkpoint of that step is published before;
/// - `failed` as the last line, for a failure that would occur again (dataset unreadable, loss not
///   finite, recipe of a newer version): the run fails and is not restarted.
///
/// Asked to stop are two things, alike: SIGTERM, and the end of standard input, which the
/// coordinator holds open and never writes to (if the service dies, it ends). The worker then
/// finishes the update at hand, publishes a checkpoint, reports `checkpoint` and `finished`, and
/// exits with 0. It ignores SIGPIPE and SIGINT; a report that cannot be written is dropped.
///
/// Behind a launcher it may also be told `--niceness N`, which it gives itself, and `--memory-bytes N`: holding more, it
/// reports `failed` with `out_of_memory`.
///
/// With `--measure` it does not train the run: it does updates for a few seconds, writes no file, reports `progress`
/// with `images_per_second` after each, with `memory_bytes` where they are as large as the recipe's, and `finished`.
///
/// Exit codes: 0 after `finished`; 65 after `failed`; anything else, or a signal, is a crash, and the
/// coordinator starts a new worker from the newest checkpoint, up to five times.
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
  /// Training pictures a second, lately (`progress`).
  public var imagesPerSecond: Double?
  /// Share of the time, lately, that updates waited for views, 0…1 (`progress`).
  public var viewWaitShare: Double?
  /// The most memory that the worker has held, in bytes (`progress` of a measurement).
  public var memoryBytes: Int?
  /// The update's figures (`progress`).
  public var metrics: RunMetrics?
  /// The verdict, where it was computed anew (`progress`).
  public var health: RunHealth?
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

  /// `started` at a step.
  public static func started(step: Int) -> WorkerReport { WorkerReport(kind: .started, step: step) }

  /// `checkpoint` of a step.
  public static func checkpoint(step: Int) -> WorkerReport {
    WorkerReport(kind: .checkpoint, step: step)
  }

  /// `heartbeat`.
  public static var heartbeat: WorkerReport { WorkerReport(kind: .heartbeat) }

  /// `progress` after the update that made `step` updates done.
  public static func progress(
    step: Int, imagesPerSecond: Double?, metrics: RunMetrics, health: RunHealth? = nil
  ) -> WorkerReport {
    var report = WorkerReport(kind: .progress, step: step)
    report.imagesPerSecond = imagesPerSecond
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

  /// The report as one line with its line feed; figures that are not finite are left out.
  public var line: [UInt8] {
    var report = self
    report.removeNonFinite()
    do {
      return try JSONCoding.encode(report) + [0x0A]
    } catch {
      preconditionFailure("A report of finite numbers and strings was not encodable: \(error)")
    }
  }

  /// A report from one line without its line feed; nil for anything that is not one.
  public init?(line: [UInt8]) {
    guard line.count <= WorkerReport.maximumLineByteCount,
      let report = try? JSONCoding.decode(WorkerReport.self, from: line)
    else { return nil }
    self = report
  }

  /// The longest line that is read, in bytes.
  public static let maximumLineByteCount = 65_536

  private mutating func removeNonFinite() {
    func finite(_ value: Double?) -> Double? { value.flatMap { $0.isFinite ? $0 : nil } }
    imagesPerSecond = finite(imagesPerSecond)
    viewWaitShare = finite(viewWaitShare)
    guard let figures = metrics else { return }
    metrics = RunMetrics(
      loss: finite(figures.loss), cosine: finite(figures.cosine),
      learningRate: finite(figures.learningRate), tau: finite(figures.tau),
      embeddingStd: finite(figures.embeddingStd))
  }
}
