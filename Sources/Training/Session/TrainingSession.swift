import Checkpoints
import Datasets
import Encoders
import Evaluation
import Methods
import Metrics
import NeuralNetworks
import Recipes
import Tensors

/// The moving parts of one call of ``TrainingWorker/run(pack:isAskedToStop:report:)``.
struct TrainingSession {
  private let worker: TrainingWorker
  private var trainer: Trainer
  private let checkpoints: CheckpointFolder
  private let pack: Pack
  /// What fits embedding heads; made for the first checkpoint that wants one.
  private var fit: EmbeddingHeadFit?
  private let report: (WorkerReport) -> Void
  /// What judges checkpoints; nil where nobody asked, or there are too few pictures.
  private let evaluation: CheckpointEvaluation?
  /// Checkpoints that were written since the last one that was judged.
  private var unjudged = 0
  /// The figures of the checkpoint that was judged last.
  private var quality: CheckpointEvaluation.Quality?
  /// The best checkpoint so far.
  private var best: BestModel.Mark?
  private var reportedAt: ContinuousClock.Instant
  private var judgedAt: ContinuousClock.Instant
  private var publishedAt: ContinuousClock.Instant
  private var speed: Speed
  private var firstMeasures: CollapseMeasures?
  /// The spread of the projections, as it was last measured.
  private var projectionDeviation: Double?
  private var history: [CollapseVerdict.Report] = []
  /// The last update's figures where they were not reported yet.
  private var unreported: StepMetrics?
  /// The values of the last reported update.
  private var reported = MetricValues()

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
    evaluation =
      worker.recipe.evaluateEvery > 0 && worker.collective.rank == 0
      ? CheckpointEvaluation(pack: pack, threads: worker.threads, lowering: worker.lowering) : nil
    best = worker.bestModel.mark
    let now = worker.clock.instant()
    reportedAt = now - .seconds(TrainingWorker.reportSeconds)
    judgedAt = now - .seconds(TrainingWorker.healthSeconds)
    publishedAt = now
    speed = Speed(now)
  }

  /// Updates done.
  var step: Int { trainer.step }

  /// What the session reports of every update.
  var declared: [Metric] {
    var declared = RunFigures.declared(by: worker.recipe)
    guard let evaluation else { return declared }
    declared += [RunFigures.viewRecall, RunFigures.rankMe]
    return evaluation.hasLabels ? declared + [RunFigures.neighbourAccuracy] : declared
  }

  /// Goes on with the recipe of the next stage, whose views are larger.
  ///
  /// - Throws: `TrainingError` if its update does not compile.
  mutating func enter(_ recipe: Recipe) throws {
    trainer = try Trainer(
      recipe, state: trainer.state, lowering: worker.lowering, collective: worker.collective)
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
      let projections = try CollapseMeasures(
        of: trainer.projections, dimension: worker.recipe.projectorOutput, threads: worker.threads)
      projectionDeviation = projections.deviation
      health = RunHealth(
        CollapseVerdict(
          measures, projections: projections, first: firstMeasures, history: history))
      judgedAt = now
    }
    var values = MetricValues()
    values[Update.lossName] = metrics.loss
    for (name, value) in metrics.figures { values[name] = value }
    values[RunFigures.learningRate] = metrics.learningRate
    values[RunFigures.tau] = metrics.tau
    values[RunFigures.embeddingStdName] = measures.deviation
    values[RunFigures.projectionStdName] = projectionDeviation
    values[RunFigures.imagesPerSecond] = speed.perSecond
    values[RunFigures.viewWaitShare] = speed.waitShare
    values.take(quality)
    reported = values
    report(.progress(step: trainer.step, metrics: values, health: health))
    reportedAt = now
    unreported = nil
    if let health, health.verdict == .collapsed, worker.recipe.onCollapse == .stop {
      throw TrainingError.collapsed(step: trainer.step, evidence: health.evidence)
    }
  }

  private func isCheckpointDue(at now: ContinuousClock.Instant) -> Bool {
    let every = worker.recipe.checkpointEverySteps
    if every > 0, trainer.step % every == 0 { return true }
    return now - publishedAt >= .seconds(worker.recipe.checkpointEverySeconds)
  }

  /// Writes a checkpoint of the trainer as it is, and judges it if it has its turn and `isJudged`.
  ///
  /// - Throws: `CheckpointError`, or `TrainingError.stateNotFinite`; the checkpoints before it are intact.
  mutating func publish(isJudged: Bool = true) throws {
    guard worker.collective.rank == 0 else { return }
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
    unjudged += 1
    let isDue =
      unjudged >= worker.recipe.evaluateEvery || state.step == worker.recipe.totalSteps
    let isBest = isJudged && isDue ? try judge(model, step: state.step) : false
    try checkpoints.publish(
      step: state.step, state: file, model: model.safetensors,
      retention: worker.recipe.keepCheckpoints, keeping: best?.step)
    if isBest, let best { try worker.bestModel.publish(model.safetensors, best) }
    publishedAt = worker.clock.instant()
    report(.checkpoint(step: state.step, best: best?.step))
  }
}

extension TrainingSession {
  /// Judges the weights that the run was given to begin with: whatever is worse is never the best.
  ///
  /// - Throws: as ``publish(isJudged:)``.
  mutating func judgeBeginning() throws {
    guard evaluation != nil, best == nil else { return }
    let model = try model(of: trainer.state)
    guard try judge(model, step: 0), let best else { return }
    try worker.bestModel.publish(model.safetensors, best)
    var told = WorkerReport.progress(step: 0, metrics: reported)
    told.best = 0
    report(told)
  }

  /// Judges the model of a checkpoint that is to be written and reports the figures, if checkpoints are judged.
  ///
  /// - Returns: whether it is better than all before.
  private mutating func judge(_ model: EncoderModel, step: Int) throws -> Bool {
    guard let evaluation else { return false }
    unjudged = 0
    let (clock, report) = (worker.clock, report)
    var toldAt = clock.instant()
    let found = try evaluation(model) {
      guard clock.instant() - toldAt >= .seconds(1) else { return }
      toldAt = clock.instant()
      report(.heartbeat)
    }
    guard let found else { return false }
    quality = found
    reported.take(found)
    report(.progress(step: step, metrics: reported))
    guard found.viewRecall > best?.value ?? -1 else { return false }
    best = BestModel.Mark(step: step, value: found.viewRecall)
    return true
  }

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
      let (batchStep, views, labels) = unsafe (batch.step, batch.views, batch.labels)
      precondition(batchStep == step, "A batch of step \(batchStep) for the update \(step).")
      for view in 0..<viewCount { unsafe write(views[view].span, view: view) }
      try write(labels: labels)
      return (try update(), unsafe batch.waitSeconds)
    }
  }
}

extension MetricValues {
  /// Takes up the figures of a checkpoint.
  fileprivate mutating func take(_ quality: CheckpointEvaluation.Quality?) {
    guard let quality else { return }
    self[RunFigures.viewRecall] = quality.viewRecall
    self[RunFigures.rankMe] = quality.rankMe
    self[RunFigures.neighbourAccuracy] = quality.accuracy
  }
}
