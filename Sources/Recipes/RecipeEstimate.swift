import NeuralNetworks

/// What a run will need.
public struct RecipeEstimate: Hashable, Sendable, Codable {
  /// Updates in the whole run.
  public var steps: Int
  /// Weights that are learned: encoder, projector and predictor.
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

  /// What the run will need.
  ///
  /// - Parameters:
  ///   - imagesPerSecond: Training pictures per second that this machine was measured to do; nil where nobody measured.
  ///   - updateByteCount: Bytes of memory that a compiled update holds, parameters and optimizer state included; nil for
  ///     an estimate from the sizes of the encoder's feature maps.
  /// - Returns: figures of the whole run; those that nobody measured are estimates or nil.
  public func estimate(
    imagesPerSecond: Double? = nil, updateByteCount: Int? = nil
  ) -> RecipeEstimate {
    let encoderCount = encoder.parameterCount(channels: channels)
    let projectorCount = Recipe.headParameterCount(
      input: encoder.representationDimension, hidden: projectorHidden, output: projectorOutput)
    let predictorCount = Recipe.headParameterCount(
      input: projectorOutput, hidden: predictorHidden, output: projectorOutput)
    let online = encoderCount + projectorCount + predictorCount
    // θ, its momentum, and ξ, which has no predictor.
    let state = 4 * (2 * online + encoderCount + projectorCount)
    let checkpoint = state + 4 * encoderCount
    let seconds = imagesPerSecond.map { Double(totalSteps * batchSize) / $0 }
    let reports = seconds.map { min(Double(totalSteps), $0 * Recipe.reportsPerSecond) }
    return RecipeEstimate(
      steps: totalSteps, parameters: online,
      memoryBytes: updateByteCount ?? estimatedTrainingByteCount + state + 4 * online,
      diskBytes: Recipe.checkpointsOnDisk * checkpoint
        + Int(reports ?? Double(totalSteps)) * Recipe.historyByteCount,
      imagesPerSecond: imagesPerSecond, seconds: seconds)
  }

  /// Linear with bias, batch norm, linear without bias.
  private static func headParameterCount(input: Int, hidden: Int, output: Int) -> Int {
    input * hidden + hidden + 2 * hidden + hidden * output
  }
}
