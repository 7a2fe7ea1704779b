import Checkpoints
import Datasets
import Durability
import Evaluation
import Foundation
import Recipes
import Runs
import TensorGraph
import Training

// MARK: The service's worker

extension TrainCommand {
  /// The worker's side of the protocol; see `WorkerReport`. Returns the exit code.
  func work(runDirectory: String, pack: String) -> Int32 {
    confinement.confine(reads: [pack], writes: [runDirectory])
    if let niceness { giveNiceness(niceness) }
    let stop = StopRequest(watchingInput: true)
    let output = ReportOutput()
    output.write(.confined(WorkerConfinement.measured))
    do {
      let bytes = try DiskFileSystem().read(runDirectory + "/recipe.json")
      let recipe = try Recipe(decoding: bytes)
      var worker = TrainingWorker(
        recipe: recipe, runDirectory: runDirectory,
        runName: URL(filePath: runDirectory).lastPathComponent,
        threads: Machine.threads(threads), lowering: lowering(recipe))
      worker.memoryByteLimit = memoryBytes
      let pack = try Pack(directory: pack)
      if measure {
        try worker.measure(
          pack: pack, isAskedToStop: { stop.isAsked }, peakMemory: peakMemoryByteCount,
          report: output.write)
      } else {
        try worker.run(pack: pack, isAskedToStop: { stop.isAsked }, report: output.write)
      }
      return WorkerReport.exitFinished
    } catch let error as CheckpointError where error.mayPass {
      // The disk may have room again: a crash, so that the coordinator tries once more.
      say("\(error)")
      return EXIT_FAILURE
    } catch {
      output.write(.failed(RunReason(code: failureCode(error), detail: "\(error)")))
      return WorkerReport.exitFailed
    }
  }

  private func failureCode(_ error: any Error) -> String {
    switch error {
    case TrainingError.lossNotFinite, TrainingError.stateNotFinite: "loss_not_finite"
    case TrainingError.collapsed: "collapsed"
    case TrainingError.engine(LoweringError.outOfMemory(_, _)), is MemoryLimitExceeded:
      "out_of_memory"
    case is InitialWeightsError: "initial_weights"
    case is TrainingError: "engine"
    case is PackError: "dataset_unreadable"
    case EvaluationError.tooFewPictures: "pictures_alike"
    case is CheckpointError: "checkpoint"
    case is RecipeFileError: "recipe_unreadable"
    default: "internal"
    }
  }
}

extension CheckpointError {
  /// Whether trying again later may work.
  fileprivate var mayPass: Bool {
    if case .fileSystem = self { true } else { false }
  }
}

/// Writes reports to standard output, each with one call; one that cannot be written is dropped.
private struct ReportOutput {
  func write(_ report: WorkerReport) {
    let line = report.line
    unsafe line.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      _ = unsafe Foundation.write(STDOUT_FILENO, base, bytes.count)
    }
  }
}
