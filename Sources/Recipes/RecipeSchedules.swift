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
  ///
  /// One-cycle instead rises along half a cosine from a 25th of the peak over the first 30 % of the updates and falls along
  /// another to 10⁻⁴ of that 25th at the last one; there is no further warm-up.
  public func learningRate(step: Int) -> Double {
    precondition(step >= 0, "Step \(step) is negative.")
    guard rateSchedule == .cosine else { return oneCycleRate(step: step) }
    let warmup = warmupSteps
    if step < warmup { return peakLearningRate * Double(step) / Double(warmup) }
    let decaySteps = max(1, totalSteps - warmup)
    let fraction = Double(min(step - warmup, decaySteps)) / Double(decaySteps)
    return peakLearningRate * 0.5 * (1 + cos(.pi * fraction))
  }

  /// PyTorch's `OneCycleLR` with its defaults, cosine annealing in two phases.
  private func oneCycleRate(step: Int) -> Double {
    let first = peakLearningRate / 25
    let top = 0.3 * Double(totalSteps) - 1
    let last = Double(totalSteps - 1)
    let now = min(Double(step), last)
    if now <= top { return annealed(first, peakLearningRate, now / max(top, 1)) }
    return annealed(peakLearningRate, first / 1e4, (now - top) / max(last - top, 1))
  }

  /// Half a cosine from `start` to `end`.
  private func annealed(_ start: Double, _ end: Double, _ fraction: Double) -> Double {
    end + (start - end) / 2 * (1 + cos(.pi * fraction))
  }

  /// The weight of the terms beside the loss in the update `step` (0-based): 1 at step 0; 0 from `totalSteps` on, unless
  /// it is constant.
  public func termWeight(step: Int) -> Double {
    precondition(step >= 0, "Step \(step) is negative.")
    let fraction = Double(min(step, totalSteps)) / Double(max(1, totalSteps))
    switch termsSchedule {
    case .constant: return 1
    case .linear: return 1 - fraction
    case .cosine: return (1 + cos(.pi * fraction)) / 2
    }
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
