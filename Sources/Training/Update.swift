import NeuralNetworks
import Recipes
import TensorGraph
import Tensors

/// One turn of the loop of Algorithm 1 (Grill et al. 2020) as one graph: two views through both networks,
/// the loss, its gradient, the optimizer, the target's move.
///
/// Inputs: `view 1`, `view 2` `[N, C, S, S]`, `learning rate`, `tau`. Outputs: `loss`, a scalar in 0…8;
/// `representation` `[N, D]` of view 1. The variables are those of ``TrainingState``.
struct Update {
  /// The recorded graph.
  let graph: Graph
  /// Every variable with its first value's distribution: θ, ξ, their statistics, the velocities.
  let variables: [Parameter]

  init(_ recipe: Recipe) {
    let recorder = Recorder()
    let viewShape: Shape = [
      recipe.batchSize, recipe.channels, recipe.imageSize, recipe.imageSize,
    ]
    let v1 = recorder.input("view 1", viewShape)
    let v2 = recorder.input("view 2", viewShape)
    let learningRate = recorder.input("learning rate", [])
    let tau = recorder.input("tau", [])

    let heads = Heads(
      projectorHidden: recipe.projectorHidden, predictorHidden: recipe.predictorHidden,
      outputs: recipe.projectorOutput)
    let online = OnlineNetwork(
      scope: NetworkScope(recorder, prefix: "online.", mode: .training), encoder: recipe.encoder,
      heads: heads)
    let target = TargetNetwork(
      scope: NetworkScope(recorder, prefix: "target.", mode: .training), encoder: recipe.encoder,
      heads: heads)

    // z′1 and z′2 first: they need no gradient, so nothing of them is kept.
    let z1 = target.project(v1)
    let z2 = target.project(v2)

    // One direction at a time, forward and backward: the gradient of the sum is the sum of the gradients,
    // and only one view's activations are alive at once.
    let (y1, p1) = online.predict(v1)
    let loss1 = regressionLoss(p1, z2).mean()
    let learned = online.scope.learned
    let gradient1 = loss1.gradients(of: learned.map(\.variable))
    let (_, p2) = online.predict(v2)
    let loss2 = regressionLoss(p2, z1).mean()
    let gradient2 = loss2.gradients(of: learned.map(\.variable))

    // θ ← optimizer(θ, δθ, η)
    var newOnline: [String: Tensor] = [:]
    var velocities: [Parameter] = []
    for (index, (parameter, variable)) in learned.enumerated() {
      let velocity = Parameter(
        name: "velocity." + parameter.name.dropFirst("online.".count), shape: parameter.shape,
        initializer: .constant(0), role: .statistic)
      velocities.append(velocity)
      let velocityVariable = recorder.variable(velocity.name, velocity.shape)
      let updated = variable.updated(
        slots: [velocityVariable], gradients: [gradient1[index], gradient2[index]],
        scalars: [learningRate], recipe.updateRule(for: parameter.role))
      recorder.assign(updated.parameter, to: variable)
      recorder.assign(updated.slots[0], to: velocityVariable)
      newOnline[parameter.name] = updated.parameter
    }

    // ξ ← τξ + (1 − τ)θ, after the optimizer's step.
    target.move(toward: newOnline, tau: tau)
    online.scope.assignStatistics()
    target.scope.assignStatistics()

    recorder.output("loss", loss1 + loss2)
    recorder.output("representation", y1)
    graph = recipe.memory == .lean ? recorder.graph.rematerialized() : recorder.graph
    variables = online.scope.parameters + target.scope.parameters + velocities
  }
}

extension Recipe {
  /// Weight decay and LARS's adaptation are for weights only, not for biases and batch normalisation.
  func updateRule(for role: Parameter.Role) -> OptimizerRule {
    let isWeight = role == .weight
    let weightDecay = isWeight ? self.weightDecay : 0
    guard optimizer == .lars, isWeight else {
      return .sgd(momentum: momentum, weightDecay: weightDecay)
    }
    return .lars(
      momentum: momentum, weightDecay: weightDecay, trustCoefficient: trustCoefficient)
  }
}
