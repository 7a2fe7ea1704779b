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
    let state = ["parameter"] + rule.slotNames
    let gradients = (0..<count).map { "gradient \($0)" }
    let leaves =
      // Variables alone can be assigned to.
      state.map { Leaf(name: $0, shape: shape, isVariable: assigns) }
      + gradients.map { .input($0, shape) } + rule.scalarNames.map { .input($0, []) }
    return Case(
      results:
        "update by \(rule) of \(shape) along \(count) gradients\(assigns ? ", assigned" : "")",
      leaves, differentiated: [],
      positive: Set(["second_moment"] + rule.scalarNames)
    ) { tensors in
      let parameter = get(tensors, "parameter")
      let old = rule.slotNames.map { get(tensors, $0) }
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
