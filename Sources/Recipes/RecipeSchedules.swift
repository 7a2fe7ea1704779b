import Foundation

extension Recipe {
  /// The learning rate after warm-up: `baseLearningRate` · `batchSize` / 256.
  public var peakLearningRate: Double { baseLearningRate * Double(batchSize) / 256 }

  /// Updates of linear warm-up.
  public var warmupSteps: Int { Int(warmupEpochs * Double(stepsPerEpoch)) }

  /// The learning rate of the update `step` (0-based).
  ///
  /// Rises linearly from 0 over `warmupSteps`, then falls along half a cosine to 0 at `totalSteps`:
  /// with w warm-up steps of K, step/w·peak for step < w and peak·(1 + cos(π(step − w)/(K − w)))/2
  /// from there on, as in the authors' code. Steps past the end give 0.
  public func learningRate(step: Int) -> Double {
    precondition(step >= 0, "Step \(step) is negative.")
    let warmup = warmupSteps
    if step < warmup { return peakLearningRate * Double(step) / Double(warmup) }
    let decaySteps = max(1, totalSteps - warmup)
    let fraction = Double(min(step - warmup, decaySteps)) / Double(decaySteps)
    return peakLearningRate * 0.5 * (1 + cos(.pi * fraction))
  }

  /// τ of the target's move after the update `step` (0-based): 1 − (1 − τ₀)·(cos(π·step/K) + 1)/2.
  ///
  /// τ₀ at step 0 and 1 from `totalSteps` on; `baseTau` throughout with the constant schedule.
  public func tau(step: Int) -> Double {
    precondition(step >= 0, "Step \(step) is negative.")
    guard tauSchedule == .cosine else { return baseTau }
    let fraction = Double(min(step, totalSteps)) / Double(max(1, totalSteps))
    return 1 - (1 - baseTau) * (cos(.pi * fraction) + 1) / 2
  }
}
