import Images
public import Methods
public import NeuralNetworks
public import TensorGraph

extension Recipe {
  /// AdamW's ε, PyTorch's default.
  public static let adamEpsilon = 1e-8

  /// What the method reads of the recipe.
  public var methodSettings: MethodSettings {
    MethodSettings(
      encoder: encoder,
      views: augmentations.views(side: imageSize, localCount: localViews, localSide: localSize),
      projectorHidden: projectorHidden, projectorOutput: projectorOutput,
      predictorHidden: predictorHidden, temperature: temperature, negativesWeight: negativesWeight,
      varianceWeight: varianceWeight, covarianceWeight: covarianceWeight, classes: classes)
  }

  /// The method with the recipe's settings.
  public var learning: any Method { method.method(methodSettings) }

  /// The update of the recipe's method as a graph; recording it computes nothing.
  public var update: Update { update(of: batchSize, isSplit: false) }

  /// The same for a share of the batch, as a whole or split between the gradients and the optimizer.
  public func update(of pictures: Int, isSplit: Bool) -> Update {
    Update(
      learning, batchSize: pictures, channels: channels, isLean: memory == .lean,
      isSplit: isSplit, rule: optimizerRule,
      rateFactor: { $0.module == "predictor" ? predictorRate : 1 })
  }

  /// The optimizer's rule for a parameter: weight decay and LARS's adaptation are for weights only, not for biases and
  /// batch normalisation.
  public func optimizerRule(for role: Parameter.Role) -> OptimizerRule {
    let isWeight = role == .weight
    let weightDecay = isWeight ? self.weightDecay : 0
    switch optimizer {
    case .lars where isWeight:
      return .lars(
        momentum: momentum, weightDecay: weightDecay, trustCoefficient: trustCoefficient)
    case .lars, .sgd: return .sgd(momentum: momentum, weightDecay: weightDecay)
    case .adamw:
      return .adamW(
        beta1: momentum, beta2: secondMomentDecay, epsilon: Recipe.adamEpsilon,
        weightDecay: weightDecay)
    }
  }
}
