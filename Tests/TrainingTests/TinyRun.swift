import Checkpoints
import Datasets
import Durability
import Foundation
import NeuralNetworks
import OneDNNLowering
import Recipes
import Synchronization
import TensorGraph
import Tensors
import Training

/// A run of a few milliseconds per update, with a folder of its own that is removed with it.
final class TinyRun {
  /// Updates of an epoch: 20 pictures in batches of 4.
  static let stepsPerEpoch = 5

  /// The run's directory.
  let path: String
  let pack: Pack
  var recipe: Recipe
  let time = FakeTime()

  init(epochs: Int = 2) throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "byol-session-\(UUID())")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
    try DemoPictures(side: 16).write(into: path + "/pack", train: 20, test: 0)
    pack = try Pack(directory: path + "/pack")
    recipe = try TinyRun.recipe(epochs: epochs)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  private static func recipe(epochs: Int) throws -> Recipe {
    var request = RecipeRequest()
    // The tests of numbers that are not finite go on with another optimizer that keeps the same slots.
    request[\.optimizer] = .lars
    request[\.encoder.architecture] = .resnet18
    request[\.encoder.width] = 0.25
    request[\.encoder.stem] = .cifar
    request[\.imageSize] = 8
    request[\.batchSize] = 4
    request[\.projectorHidden] = 8
    request[\.projectorOutput] = 8
    request[\.predictorHidden] = 8
    request[\.epochs] = epochs
    request[\.warmupEpochs] = 0
    // The tests that look at the cadence choose their own.
    request[\.checkpointEverySteps] = 0
    request[\.checkpointEverySeconds] = 3600
    // The tests of evaluations ask for them.
    request[\.evaluateEvery] = 0
    return try request.resolve(
      dataset: DatasetSize(pictures: 20, medianShortSide: 16),
      machine: MachineSize(cores: 2, memoryByteCount: 8 << 30, precision: .float32)
    ).recipe
  }

  /// The checkpoints, on the machine's own file system.
  var checkpoints: CheckpointFolder { CheckpointFolder(directory: path + "/checkpoints") }

  /// A new worker for the run, on a clock that stands still unless `train` moves it.
  func worker(threads: Int = 2) -> TrainingWorker {
    var worker = TrainingWorker(
      recipe: recipe, runDirectory: path, runName: "tiny", threads: ThreadBudget(threads),
      lowering: OneDNNLowering(threads: ThreadBudget(threads), precision: recipe.precision))
    worker.clock = time.clock
    return worker
  }

  /// Trains with a worker, by default a new one, which is asked to stop after `stop` updates of its own; each of them takes
  /// `updateTime` on the fake clock. Returns what the worker reported, without heartbeats.
  @discardableResult
  func train(
    _ worker: TrainingWorker? = nil, stoppingAfter stop: Int? = nil, updateTime: Duration = .zero
  ) throws -> [WorkerReport] {
    var reports: [WorkerReport] = []
    try train(worker, stoppingAfter: stop, updateTime: updateTime) { reports.append($0) }
    return reports.filter { $0.kind != .heartbeat }
  }

  func train(
    _ worker: TrainingWorker? = nil, stoppingAfter stop: Int? = nil, updateTime: Duration = .zero,
    report: @escaping (WorkerReport) -> Void
  ) throws {
    // The worker looks once before it takes its lock, then before each update.
    var looks = 0
    func isAskedToStop() -> Bool {
      looks += 1
      guard looks > 1 else { return false }
      if let stop, looks - 2 >= stop { return true }
      time.advance(by: updateTime)
      return false
    }
    try (worker ?? self.worker()).run(
      pack: pack, isAskedToStop: isAskedToStop, report: report)
  }
}

/// A clock that a test moves.
final class FakeTime: Sendable {
  private let now = Mutex(ContinuousClock.now)
  private let pauses = Mutex(0)

  /// How often somebody waited.
  var pauseCount: Int { pauses.withLock { $0 } }

  func advance(by duration: Duration) { now.withLock { $0 += duration } }

  var clock: TrainingClock {
    TrainingClock(
      instant: { [self] in now.withLock { $0 } },
      pause: { [self] duration in
        pauses.withLock { $0 += 1 }
        advance(by: duration)
      })
  }
}

extension [WorkerReport] {
  /// The steps of the reports of a kind.
  func steps(_ kind: WorkerReport.Kind) -> [Int] {
    filter { $0.kind == kind }.compactMap(\.step)
  }
}
