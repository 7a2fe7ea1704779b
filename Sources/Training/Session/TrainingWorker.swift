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

  /// The processes that train the run together. The one of rank 0 reads and writes checkpoints and reports; the others follow
  /// it, and need the same run directory to read.
  public var collective: any Collective = SoloCollective()
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

  /// Trains; `isAskedToStop` is looked at between updates, `report` is called on the calling thread. Where one of several
  /// processes is asked to stop, all stop after the same update.
  ///
  /// A run that was stopped before its first update has no checkpoint: random weights are no model, and a new worker draws
  /// the same ones again.
  ///
  /// - Throws: `TrainingError`, `CheckpointError`, `PackError`, `MemoryLimitExceeded`; the newest published checkpoint
  ///   is intact and finite.
  public func run(
    pack: Pack, isAskedToStop: () -> Bool, report: @escaping (WorkerReport) -> Void
  ) throws {
    let isFirst = collective.rank == 0
    let report = isFirst ? report : { _ in }
    report(.heartbeat)
    let checkpoints = CheckpointFolder(
      directory: runDirectory + "/checkpoints", fileSystem: fileSystem)
    let lock = isFirst ? try lock(isAskedToStop: isAskedToStop, report: report) : nil
    defer { withExtendedLifetime(lock) {} }
    if lock != nil { try checkpoints.removeLeftovers() }
    // From here on nobody but the first process writes, so that all read the same newest checkpoint.
    guard try !collective.any(isFirst && lock == nil) else {
      return report(.finished(step: 0, outcome: .stopped))
    }
    let newest = try checkpoints.newest()
    let state = newest.map { TrainingState(step: $0.step, tensors: $0.state.tensors) }
    let initial = state == nil ? try initialWeights() : nil
    var stage = recipe.stage(at: state?.step ?? 0)
    let trainer = try Trainer(
      stage.recipe, state: state, initial: initial, lowering: lowering, collective: collective)
    var session = TrainingSession(self, trainer, checkpoints, pack, report)
    report(
      .started(
        step: trainer.step, declared: session.declared, threads: threads.count,
        warning: newest.flatMap(warning)))
    if initial != nil { try session.judgeBeginning() }
    while try train(
      &session, on: pack, until: stage.end, views: stage.recipe.learning.views, isAskedToStop),
      session.step < recipe.totalSteps
    {
      stage = recipe.stage(at: session.step)
      try session.enter(stage.recipe)
    }
    try session.reportLast()
    let isDone = session.step >= recipe.totalSteps
    // Whoever asks for a stop waits for the checkpoint, and not for its figures.
    if session.step > 0 { try session.publish(isJudged: isDone) }
    report(.finished(step: session.step, outcome: isDone ? .succeeded : .stopped))
  }

  /// Updates on views of one stage; false where it was asked to stop before the stage's end.
  private func train(
    _ session: inout TrainingSession, on pack: Pack, until end: Int, views: [ViewSpecification],
    _ isAskedToStop: () -> Bool
  ) throws -> Bool {
    var configuration = viewConfiguration
    configuration.views = views
    let source = ViewBatchSource(
      pack: pack, pictures: pack.pictures(in: .train), configuration: configuration,
      firstStep: session.step)
    defer { source.stop() }
    while session.step < end {
      if try collective.any(isAskedToStop()) { return false }
      try session.update(from: source)
    }
    return true
  }

  /// The weights that the run was given to begin with; nil where it begins at random.
  private func initialWeights() throws -> InitialWeights? {
    guard try fileSystem.names(in: runDirectory).contains(InitialWeights.fileName) else {
      return nil
    }
    return try InitialWeights(
      Safetensors(
        reading: "\(runDirectory)/\(InitialWeights.fileName)", fileSystem: fileSystem),
      for: recipe)
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

  var bestModel: BestModel { BestModel(runDirectory: runDirectory, fileSystem: fileSystem) }

  var viewConfiguration: ViewBatchConfiguration {
    ViewBatchConfiguration(
      views: recipe.learning.views, normalization: recipe.augmentations.normalization,
      batchSize: recipe.batchSize / collective.count, seed: recipe.seed, threads: threads.count,
      depth: Recipe.batchesOfViews, part: collective.rank, parts: collective.count,
      growth: recipe.augmentationGrowth)
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
