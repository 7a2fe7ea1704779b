import Checkpoints
import Datasets
import Encoders
import Evaluation
import Metrics
import NeuralNetworks
import Recipes
import Tensors

/// The moving parts of one call of ``TrainingWorker/run(pack:isAskedToStop:report:)``.
struct TrainingSession {
  private let worker: TrainingWorker
  private let trainer: Trainer
  private let checkpoints: CheckpointFolder
  private let pack: Pack
  /// What fits embedding heads; made for the first checkpoint that wants one.
  private var fit: EmbeddingHeadFit?
  private let report: (WorkerReport) -> Void
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
    _ pack: Pack, _ report: @escaping (WorkerReport) -> Void
  ) {
    self.worker = worker
    self.trainer = trainer
    self.checkpoints = checkpoints
    self.pack = pack
    self.report = report
    let now = worker.clock.instant()
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
    let now = worker.clock.instant()
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
    if let unreported { try reportProgress(unreported, at: worker.clock.instant()) }
  }

  private mutating func reportProgress(_ metrics: StepMetrics, at now: ContinuousClock.Instant)
    throws
  {
    if let limit = worker.memoryByteLimit, let held = worker.heldMemory(), held > limit {
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
  ///
  /// - Throws: `CheckpointError`, or `TrainingError.stateNotFinite`; the checkpoints before it are intact.
  mutating func publish() throws {
    report(.heartbeat)
    let state = trainer.state
    // The gradients of a finite loss may overflow, which the next loss would tell: too late for this checkpoint.
    if let spoilt = state.tensors.first(where: { !$0.isFinite }) {
      throw TrainingError.stateNotFinite(step: state.step, tensor: spoilt.name)
    }
    let file = Safetensors(
      arrays: state.tensors.map(CheckpointArray.init),
      metadata: [
        "byol.step": String(state.step),
        TrainingWorker.threadsKey: String(worker.threads.count),
        "byol.recipe": String(decoding: worker.recipe.encoded, as: UTF8.self),
      ])
    let model = try model(of: state)
    try checkpoints.publish(step: state.step, state: file, model: model.safetensors)
    publishedAt = worker.clock.instant()
    report(.checkpoint(step: state.step))
  }
}

extension TrainingSession {
  /// The encoder of a state, with its embedding head where the recipe asks for one.
  private mutating func model(of state: TrainingState) throws -> EncoderModel {
    let recipe = worker.recipe
    let bare = EncoderModel(recipe, trainer.update, state, run: worker.runName)
    guard recipe.embedding == .whitened else { return bare }
    let fit =
      try fit
      ?? EmbeddingHeadFit(recipe, pack: pack, threads: worker.threads, lowering: worker.lowering)
    self.fit = fit
    return try fit(bare)
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
