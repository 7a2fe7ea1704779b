public import Datasets
import Metrics
import NeuralNetworks
import Recipes

// A measurement is a trial of a few pictures first: it tells how many of them an update may have to be over in about
// a second, so that large recipes have figures in time as well.

extension TrainingWorker {
  /// Pictures of an update of the trial.
  static let trialBatch = 8
  /// Seconds that an update of the measurement may take, and seconds that are measured.
  static let (updateSeconds, measuredSeconds) = (1.0, 3.0)

  /// Does updates from the beginning for a few seconds and reports how fast; writes nothing.
  ///
  /// Memory is told only where the updates are as large as the recipe's.
  ///
  /// - Throws: `TrainingError`, `PackError`.
  public func measure(
    pack: Pack, isAskedToStop: () -> Bool, peakMemory: () -> Int,
    report: @escaping (WorkerReport) -> Void
  ) throws {
    report(.started(step: 0, declared: RunFigures.declared(by: recipe)))
    func measure(batch: Int, seconds: Double) throws -> Double {
      try self.measure(pack: pack, batch: batch, seconds: seconds, isAskedToStop) { step, speed in
        var progress = WorkerReport.progress(
          step: step, metrics: [RunFigures.imagesPerSecond.name: speed])
        if batch == recipe.batchSize { progress.memoryBytes = peakMemory() }
        report(progress)
      }
    }
    var batch = recipe.batchSize
    let trial = TrainingWorker.trialBatch
    if batch > trial {
      let speed = try measure(batch: trial, seconds: 0)
      batch = min(batch, Int(speed * TrainingWorker.updateSeconds) / trial * trial)
    }
    // Where the trial was slower than that, its figure is the measurement.
    if batch > 0, !isAskedToStop() {
      _ = try measure(batch: batch, seconds: TrainingWorker.measuredSeconds)
    }
    report(.finished(step: 0, outcome: .stopped))
  }

  /// Pictures per second of updates of a batch. The first update touches its memory for the first time and is not
  /// counted, nor are those whose views were rendered before.
  private func measure(
    pack: Pack, batch: Int, seconds: Double, _ isAskedToStop: () -> Bool,
    afterEach: (_ step: Int, _ speed: Double) -> Void
  ) throws -> Double {
    var worker = self
    worker.recipe.batchSize = batch
    // A trial's batch may not have as many parts.
    while !batch.isMultiple(of: worker.recipe.accumulation) { worker.recipe.accumulation -= 1 }
    let trainer = try Trainer(worker.recipe, lowering: lowering)
    let source = ViewBatchSource(
      pack: pack, pictures: pack.pictures(in: .train), configuration: worker.viewConfiguration,
      firstStep: 0)
    defer { source.stop() }
    // The batches that were rendered ahead while the update was compiled cost nothing now; later ones will.
    for _ in 0..<(seconds > 0 ? viewConfiguration.depth : 1) {
      _ = try trainer.update(from: source)
    }
    let (began, first) = (clock.instant(), trainer.step)
    var speed = 0.0
    repeat {
      _ = try trainer.update(from: source)
      let elapsed = (clock.instant() - began) / .seconds(1)
      speed = Double((trainer.step - first) * batch) / elapsed
      afterEach(trainer.step, speed)
    } while clock.instant() - began < .seconds(seconds) && !isAskedToStop()
    return speed
  }
}
