import Checkpoints
public import Datasets
public import Durability
import Images
import Methods
import Metrics
import NeuralNetworks
public import Recipes
public import TensorGraph
public import Tensors

/// Trains one run from its newest checkpoint to its end, or until it is asked to stop.
///
/// What happens where: the calling thread compiles, updates, evaluates and writes checkpoints; the threads of
/// the ``ViewBatchSource`` render views ahead of it. Nothing is shared but the batches, which are lent.
/// The order is: newest checkpoint read → `started` → updates with `progress` → `checkpoint` now and then
/// → a last checkpoint → `finished`. Because random numbers are a function of (seed, step) and the state
/// is exact, a run that was stopped anywhere ends with the same bits as one that never was, on the same processor with the
/// same number of threads.
///
/// Time, files, memory and the engine are properties, so that a test runs the whole session in its own process.
public struct TrainingWorker {
  /// What the run learns with.
  public var recipe: Recipe
  /// The run's directory; checkpoints are in `checkpoints/`.
  public var runDirectory: String
  /// The run's name in the model file.
  public var runName: String
  /// Threads of the update; rendering has as many of its own.
  public var threads: ThreadBudget
  /// What compiles the update.
  public var lowering: any Lowering

  /// Bytes of memory of its own that the process may hold; looked at with every `progress`. Nil where nobody asked, or
  /// the coordinator looks.
  public var memoryByteLimit: Int?
  /// Time, by which reports, judgements and checkpoints come.
  public var clock = TrainingClock()
  /// Where checkpoints are written and read. The lock of the run directory is the machine's own.
  public var fileSystem: any FileSystem = DiskFileSystem()
  /// Bytes of memory of its own that the process holds; nil where the system does not tell.
  public var heldMemory: @Sendable () -> Int? = { ownMemoryByteCount() }

  /// Seconds between two `progress` reports, at least.
  public static let reportSeconds = 0.2
  /// Seconds between two judgements of the run's health.
  public static let healthSeconds = 5.0
  /// The key of the number of threads in a checkpoint's metadata.
  static let threadsKey = "byol.threads"
  /// The pause before a lock that another process holds is tried again.
  static let lockPause = Duration.milliseconds(200)

  /// A worker for one run.
  public init(
    recipe: Recipe, runDirectory: String, runName: String, threads: ThreadBudget,
    lowering: any Lowering
  ) {
    self.recipe = recipe
    self.runDirectory = runDirectory
    self.runName = runName
    self.threads = threads
    self.lowering = lowering
  }

  /// Trains; `isAskedToStop` is looked at between updates, `report` is called on the calling thread.
  ///
  /// A run that was stopped before its first update has no checkpoint: random weights are no model, and a new worker draws
  /// the same ones again.
  ///
  /// - Throws: `TrainingError`, `CheckpointError`, `PackError`, `MemoryLimitExceeded`; the newest published checkpoint
  ///   is intact and finite.
  public func run(
    pack: Pack, isAskedToStop: () -> Bool, report: @escaping (WorkerReport) -> Void
  ) throws {
    report(.heartbeat)
    guard let lock = try lock(isAskedToStop: isAskedToStop, report: report) else {
      return report(.finished(step: 0, outcome: .stopped))
    }
    defer { withExtendedLifetime(lock) {} }
    let checkpoints = CheckpointFolder(
      directory: runDirectory + "/checkpoints", fileSystem: fileSystem)
    try checkpoints.removeLeftovers()
    let newest = try checkpoints.newest()
    let state = newest.map { TrainingState(step: $0.step, tensors: $0.state.tensors) }
    let trainer = try Trainer(recipe, state: state, lowering: lowering)
    var session = TrainingSession(self, trainer, checkpoints, pack, report)
    report(
      .started(
        step: trainer.step, declared: declaredMetrics, threads: threads.count,
        warning: newest.flatMap(warning)))
    let source = ViewBatchSource(
      pack: pack, pictures: pack.pictures(in: .train), configuration: viewConfiguration,
      firstStep: trainer.step)
    defer { source.stop() }
    while trainer.step < recipe.totalSteps, !isAskedToStop() {
      try session.update(from: source)
    }
    try session.reportLast()
    if trainer.step > 0 { try session.publish() }
    let isDone = trainer.step >= recipe.totalSteps
    report(.finished(step: trainer.step, outcome: isDone ? .succeeded : .stopped))
  }

  /// The lock of whoever writes checkpoints; nil where the worker was asked to stop while it waited.
  ///
  /// The coordinator lets no two workers of a run live on its machine. Of one that a launcher started on another it
  /// only knows the launcher: where that was killed, the worker may still be writing its last checkpoint.
  private func lock(
    isAskedToStop: () -> Bool, report: (WorkerReport) -> Void
  ) throws(FileSystemError) -> FileLock? {
    while !isAskedToStop() {
      if let lock = try FileLock(path: runDirectory + "/training.lock") { return lock }
      report(.heartbeat)
      clock.pause(TrainingWorker.lockPause)
    }
    return nil
  }

  /// What a checkpoint that was written on another number of threads means for the run; nil for an equal number, and for
  /// checkpoints of versions that did not note it.
  private func warning(of checkpoint: LoadedCheckpoint) -> RunReason? {
    let noted = checkpoint.state.metadata[TrainingWorker.threadsKey].flatMap { Int($0) }
    guard let noted, noted != threads.count else { return nil }
    return RunReason(
      code: "threads_changed",
      detail:
        "The run goes on with \(threads.count) threads from a checkpoint of \(noted): sums are rounded "
        + "differently, so that it does not end with the same bits as a run that was never stopped."
    )
  }

  /// What the worker declares in its `started` report.
  var declaredMetrics: [Metric] {
    RunFigures.declared(dimension: recipe.encoder.representationDimension)
  }

  var viewConfiguration: ViewBatchConfiguration {
    ViewBatchConfiguration(
      views: recipe.learning.views, normalization: recipe.augmentations.normalization,
      batchSize: recipe.batchSize, seed: recipe.seed, threads: threads.count, depth: 3)
  }
}

/// A worker holds more memory than it may.
public struct MemoryLimitExceeded: Error, Hashable, Sendable, CustomStringConvertible {
  /// Bytes held, and bytes allowed.
  public let held: Int, limit: Int

  /// A process that holds `held` bytes and may hold `limit`.
  public init(held: Int, limit: Int) {
    self.held = held
    self.limit = limit
  }

  /// One sentence.
  public var description: String {
    "The worker held \(held >> 20) MiB of memory and may hold \(limit >> 20) MiB."
  }
}
