import Methods
import NeuralNetworks
import Tensors

/// What a run will need.
public struct RecipeEstimate: Hashable, Sendable, Codable {
  /// Updates in the whole run.
  public var steps: Int
  /// Weights that are learned: the online network's.
  public var parameters: Int
  /// Memory of the training process, in bytes; an estimate.
  public var memoryBytes: Int
  /// Disk for checkpoints and history, in bytes; an estimate.
  public var diskBytes: Int
  /// Training pictures per second, where they were measured.
  public var imagesPerSecond: Double?
  /// Seconds of the whole run at that speed.
  public var seconds: Double?
}

extension Recipe {
  /// Checkpoints on disk at once: two that are kept and one being written.
  private static let checkpointsOnDisk = 3
  /// Bytes of one report's row in the history.
  private static let historyByteCount = 100
  /// Reports per second, at most.
  private static let reportsPerSecond = 5.0

  /// What the run will need, counted on the graph of its update.
  ///
  /// - Parameter imagesPerSecond: Training pictures per second that this machine was measured to do; nil where nobody measured.
  /// - Returns: figures of the whole run; the seconds are nil where nobody measured the speed.
  public func estimate(imagesPerSecond: Double? = nil) -> RecipeEstimate {
    let update = update
    let seconds = imagesPerSecond.map { picturesLeft(after: 0, side: imageSize) / $0 }
    let reports = seconds.map { min(Double(totalSteps), $0 * Recipe.reportsPerSecond) }
    return RecipeEstimate(
      steps: totalSteps,
      parameters: update.learned.reduce(0) { $0 + $1.shape.elementCount },
      memoryBytes: trainingByteCount(of: update),
      diskBytes: Recipe.checkpointsOnDisk * (update.stateByteCount + update.encoderByteCount)
        + Int(reports ?? Double(totalSteps)) * Recipe.historyByteCount,
      imagesPerSecond: imagesPerSecond, seconds: seconds)
  }
}
