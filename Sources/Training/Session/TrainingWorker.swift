import Checkpoints
public import Datasets
import Durability
import Encoders
import Evaluation
import Glibc
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
/// is exact, a run that was stopped anywhere ends with the same bits as one that never was.
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

  /// Seconds between two `progress` reports, at least.
  public static let reportSeconds = 0.2
  /// Seconds between two judgements of the run's health.
  public static let healthSeconds = 5.0

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
  /// - Throws: `TrainingError`, `CheckpointError`, `PackError`, `MemoryLimitExceeded`; the newest published checkpoint
  ///   is intact.
  public func run(
    pack: Pack, isAskedToStop: () -> Bool, report: @escaping (WorkerReport) -> Void
  ) throws {
    report(.heartbeat)
    guard let lock = try lock(isAskedToStop: isAskedToStop, report: report) else {
      return report(.finished(step: 0, outcome: .stopped))
    }
    defer { withExtendedLifetime(lock) {} }
    let checkpoints = CheckpointFolder(directory: runDirectory + "/checkpoints")
    try checkpoints.removeLeftovers()
    let state = try checkpoints.newest().map { newest in
      TrainingState(step: newest.step, tensors: newest.state.tensors)
    }
    let trainer = try Trainer(recipe, state: state, lowering: lowering)
    var session = TrainingSession(self, trainer, checkpoints, report)
    report(.started(step: trainer.step, declared: declaredMetrics))
    let source = ViewBatchSource(
      pack: pack, pictures: pack.pictures(in: .train), configuration: viewConfiguration,
      firstStep: trainer.step)
    defer { source.stop() }
    while trainer.step < recipe.totalSteps, !isAskedToStop() {
      try session.update(from: source)
    }
    try session.reportLast()
    try session.publish()
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
      usleep(200_000)
    }
    return nil
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

/// The moving parts of one call of ``TrainingWorker/run(pack:isAskedToStop:report:)``.
private struct TrainingSession {
  private let worker: TrainingWorker
  private let trainer: Trainer
  private let checkpoints: CheckpointFolder
  private let report: (WorkerReport) -> Void
  private let clock = ContinuousClock()
  private var reportedAt: ContinuousClock.Instant
  private var judgedAt: ContinuousClock.Instant
  private var publishedAt: ContinuousClock.Instant
  private var speed: Speed
  private var firstMeasures: CollapseMeasures?
  private var history: [CollapseVerdict.Report] = []
  /// The last update's figures where they were not reported yet.
  private var unreported: StepMetrics?

  /// The updates that `history` remembers.
  private static let historyLimit = 200

  init(
    _ worker: TrainingWorker, _ trainer: Trainer, _ checkpoints: CheckpointFolder,
    _ report: @escaping (WorkerReport) -> Void
  ) {
    self.worker = worker
    self.trainer = trainer
    self.checkpoints = checkpoints
    self.report = report
    let now = clock.now
    reportedAt = now - .seconds(TrainingWorker.reportSeconds)
    judgedAt = now - .seconds(TrainingWorker.healthSeconds)
    publishedAt = now
    speed = Speed(now)
  }

  mutating func update(from source: ViewBatchSource) throws {
    let (metrics, waited) = try trainer.update(from: source)
    history.append(
      .init(step: metrics.step, loss: metrics.loss, cosine: metrics.figures["cosine"] ?? 0))
    if history.count > TrainingSession.historyLimit { history.removeFirst() }
    let now = clock.now
    speed.add(worker.recipe.batchSize, waited: waited, at: now)
    unreported = metrics
    let isLast = trainer.step == worker.recipe.totalSteps
    if now - reportedAt >= .seconds(TrainingWorker.reportSeconds) {
      try reportProgress(metrics, at: now)
    }
    if isCheckpointDue(at: now), !isLast { try publish() }
  }

  /// Reports the last update, if that was not done.
  mutating func reportLast() throws {
    if let unreported { try reportProgress(unreported, at: clock.now) }
  }

  private mutating func reportProgress(_ metrics: StepMetrics, at now: ContinuousClock.Instant)
    throws
  {
    if let limit = worker.memoryByteLimit, let held = ownMemoryByteCount(of: getpid()), held > limit
    {
      throw MemoryLimitExceeded(held: held, limit: limit)
    }
    let measures = try CollapseMeasures(
      of: trainer.representations, dimension: worker.recipe.encoder.representationDimension,
      threads: worker.threads)
    firstMeasures = firstMeasures ?? measures
    var health: RunHealth?
    if now - judgedAt >= .seconds(TrainingWorker.healthSeconds) {
      health = RunHealth(
        CollapseVerdict(measures, first: firstMeasures, history: history))
      judgedAt = now
    }
    var values = MetricValues()
    values[RunFigures.loss] = metrics.loss
    for (name, value) in metrics.figures { values[name] = value }
    values[RunFigures.learningRate] = metrics.learningRate
    values[RunFigures.tau] = metrics.tau
    values["embedding_std"] = measures.deviation
    values[RunFigures.imagesPerSecond] = speed.perSecond
    values[RunFigures.viewWaitShare] = speed.waitShare
    report(.progress(step: trainer.step, metrics: values, health: health))
    reportedAt = now
    unreported = nil
  }

  private func isCheckpointDue(at now: ContinuousClock.Instant) -> Bool {
    let every = worker.recipe.checkpointEverySteps
    if every > 0, trainer.step % every == 0 { return true }
    return now - publishedAt >= .seconds(worker.recipe.checkpointEverySeconds)
  }

  /// Writes a checkpoint of the trainer as it is.
  mutating func publish() throws {
    report(.heartbeat)
    let state = trainer.state
    let file = Safetensors(
      arrays: state.tensors.map(CheckpointArray.init),
      metadata: [
        "byol.step": String(state.step),
        "byol.recipe": String(decoding: worker.recipe.encoded, as: UTF8.self),
      ])
    let model = EncoderModel(worker.recipe, trainer.update, state, run: worker.runName)
    try checkpoints.publish(step: state.step, state: file, model: model.safetensors)
    publishedAt = clock.now
    report(.checkpoint(step: state.step))
  }
}

extension Trainer {
  /// One update on the next batch, and the seconds that it waited for it.
  func update(from source: ViewBatchSource) throws -> (metrics: StepMetrics, waited: Double) {
    try unsafe source.withNextBatch { batch in
      // The trainer's step and the source's count the same updates: a view of another step would be a silent error.
      let (batchStep, views) = unsafe (batch.step, batch.views)
      precondition(batchStep == step, "A batch of step \(batchStep) for the update \(step).")
      for view in 0..<viewCount { unsafe write(views[view].span, view: view) }
      return (try update(), unsafe batch.waitSeconds)
    }
  }
}

/// Pictures per second over the last few seconds, and how much of them was waiting.
struct Speed {
  private var marks: [(at: ContinuousClock.Instant, pictures: Int, waited: Double)]
  private static let windowSeconds = 10.0

  init(_ now: ContinuousClock.Instant) { marks = [(now, 0, 0)] }

  mutating func add(_ pictures: Int, waited seconds: Double, at now: ContinuousClock.Instant) {
    marks.append((now, pictures, seconds))
    while marks.count > 2, now - marks[1].at > .seconds(Speed.windowSeconds) { marks.removeFirst() }
  }

  var perSecond: Double? {
    seconds.map { Double(marks.dropFirst().reduce(0) { $0 + $1.pictures }) / $0 }
  }

  /// Share of the time that updates waited for views.
  var waitShare: Double? { seconds.map { marks.dropFirst().reduce(0) { $0 + $1.waited } / $0 } }

  private var seconds: Double? {
    guard let first = marks.first, let last = marks.last, last.at > first.at else { return nil }
    return (last.at - first.at) / .seconds(1)
  }
}
