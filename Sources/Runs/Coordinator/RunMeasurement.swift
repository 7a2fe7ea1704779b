import Checkpoints
import Durability
import Foundation
import Metrics
public import Recipes
import Training

/// What a few updates of a recipe showed on this machine.
public struct RunMeasurement: Hashable, Sendable {
  /// Training pictures per second; nil where no update was done in time.
  public var imagesPerSecond: Double?
  /// The most memory that the process held, in bytes.
  public var memoryBytes: Int?
  /// Runs that trained meanwhile and made it slower.
  public var otherRuns: Int
  /// Why there are no figures, in a sentence.
  public var failure: String?

  /// A measurement.
  public init(
    imagesPerSecond: Double? = nil, memoryBytes: Int? = nil, otherRuns: Int = 0,
    failure: String? = nil
  ) {
    self.imagesPerSecond = imagesPerSecond
    self.memoryBytes = memoryBytes
    self.otherRuns = otherRuns
    self.failure = failure
  }
}

// A measurement is a worker with `--measure` in a folder that holds nothing but the recipe: it speaks the protocol
// of `WorkerReport`, writes no checkpoint, and leaves after a few seconds. It is killed where it does not.

extension RunCoordinator {
  /// Folders of measurements begin so; the next start removes those that are left.
  static let measuringPrefix = ".measuring-"
  /// The niceness of measurements, where the run asks for none.
  private static let measuringNiceness = 5

  /// Measures how fast a recipe trains on this machine, for a few seconds, in a process of its own.
  public func measure(_ recipe: Recipe, dataset: String, resources: RunResources) async throws
    -> RunMeasurement
  {
    guard !isEnding else { throw RunControlError.shuttingDown }
    let shape = UpdateShape(recipe, dataset: dataset, resources)
    if let known = speeds.measurement(shape, besides: active.count) { return known }
    guard let pack = packDirectory(dataset) else {
      return RunMeasurement(failure: "The dataset is gone.")
    }
    measuring?.kill(for: .request)
    // Behind everything else that the machine does, it might see nothing in its few seconds.
    var resources = resources
    resources.niceness = resources.niceness ?? RunCoordinator.measuringNiceness
    let directory = "\(runsDirectory)/\(RunCoordinator.measuringPrefix)\(UUID().uuidString)"
    defer { try? fileSystem.removeAll(directory) }
    do {
      try fileSystem.createDirectory(directory)
      try fileSystem.replaceFile(directory + "/recipe.json", with: recipe.encoded)
      guard let lock = try FileLock(path: directory + "/worker.lock") else {
        return RunMeasurement(failure: "The folder of the measurement is in use.")
      }
      let worker = try WorkerProcess(
        launch(resources, directory: directory, pack: pack, lock: lock, more: ["--measure"]),
        logPath: directory + "/worker.log", limits: limits(resources), instant: clock.instant)
      worker.end(within: settings.measureLimit)
      measuring = worker
      let measurement = await result(of: worker)
      if measuring === worker { measuring = nil }
      speeds.remember(measurement, of: shape)
      return measurement
    } catch {
      return RunMeasurement(failure: "The measurement could not be started: \(error)")
    }
  }

  private func result(of worker: WorkerProcess) async -> RunMeasurement {
    var measurement = RunMeasurement(otherRuns: active.count)
    for await output in worker.outputs {
      worker.consumedOutput()
      switch output {
      case .report(let report):
        noteConfinement(report)
        let speed = report.metrics?[RunFigures.imagesPerSecond]
        measurement.imagesPerSecond = speed ?? measurement.imagesPerSecond
        measurement.memoryBytes = report.memoryBytes ?? measurement.memoryBytes
        measurement.failure = report.reason?.detail
      case .exited(let exit):
        if exit.killing == .request { measurement.imagesPerSecond = nil }
        guard measurement.imagesPerSecond == nil, measurement.failure == nil else { continue }
        measurement.failure = failure(exit)
      }
    }
    return measurement
  }

  private func failure(_ exit: WorkerExit) -> String? {
    switch (exit.killing, WorkerEnding(exit, lastWord: nil)) {
    case (.stopTooSlow, _): "No update was done within \(settings.measureLimit)."
    case (.request, _): "Another recipe was measured instead; ask again for the speed."
    case (_, .crashed(let reason)): reason.detail
    default: nil
    }
  }
}
