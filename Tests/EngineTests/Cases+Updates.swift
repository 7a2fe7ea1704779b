import TensorGraph
import Tensors

extension Case {
  /// Every rule of the optimizer with one, two and three gradients, out of place and in its variables' bytes.
  static let updates: [Case] = rules.flatMap { rule in
    (1...3).flatMap { count in
      [
        update(rule, gradients: count, shape: [5, 37], assigns: false),
        // The weights' own layout, and enough elements for a team of threads.
        update(rule, gradients: count, shape: [32, 64, 3, 3], assigns: true),
        update(rule, gradients: count, shape: [7], assigns: true),
      ]
    }
  }

  /// With and without weight decay; LARS with and without a trust of 0.
  static let rules: [OptimizerRule] = [
    .sgd(momentum: 0.9, weightDecay: 0), .sgd(momentum: 0, weightDecay: 0.25),
    .lars(momentum: 0.9, weightDecay: 0.25, trustCoefficient: 0.5),
    .lars(momentum: 0.5, weightDecay: 0, trustCoefficient: 0),
    .adamW(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0),
    .adamW(beta1: 0.5, beta2: 0.25, epsilon: 0.125, weightDecay: 0.25),
  ]

  private static func update(
    _ rule: OptimizerRule, gradients count: Int, shape: Shape, assigns: Bool
  ) -> Case {
    // Names with a `w` are variables, which alone can be assigned to.
    let prefix = assigns ? "w " : ""
    let slots = rule.slotNames.map { prefix + $0 }
    let gradients = (0..<count).map { "gradient \($0)" }
    let leaves =
      ([prefix + "parameter"] + slots + gradients).map { ($0, shape) }
      + rule.scalarNames.map { ($0, Shape([])) }
    return Case(
      results:
        "update by \(rule) of \(shape) along \(count) gradients\(assigns ? ", assigned" : "")",
      leaves, differentiated: [],
      positive: Set([prefix + "second_moment"] + rule.scalarNames)
    ) { tensors in
      let parameter = get(tensors, prefix + "parameter")
      let old = slots.map { get(tensors, $0) }
      let new = parameter.updated(
        slots: old, gradients: gradients.map { get(tensors, $0) },
        scalars: rule.scalarNames.map { get(tensors, $0) }, rule)
      if assigns {
        parameter.recorder.assign(new.parameter, to: parameter)
        for (slot, next) in zip(old, new.slots) { parameter.recorder.assign(next, to: slot) }
      }
      return [("y", new.parameter)] + zip(rule.slotNames, new.slots).map { ($0, $1) }
    }
  }
}
