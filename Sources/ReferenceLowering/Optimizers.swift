import TensorGraph

/// The parameter and the slots after one update: see ``OptimizerRule`` for the formulas.
func optimizerUpdate(_ operands: [Operand], _ rule: OptimizerRule) -> [[Double]] {
  guard let operands = rule.operands(operands.map(\.values)) else {
    preconditionFailure("\(rule) of \(operands.count) operands.")
  }
  var gradient = operands.gradients[0]
  for other in operands.gradients.dropFirst() { gradient = zip(gradient, other).map(+) }
  let scalars = operands.scalars.map { $0[0] }
  switch rule {
  case .sgd(let momentum, let weightDecay):
    return momentumUpdate(
      operands.parameter, operands.slots[0], gradient, rate: scalars[0], momentum, weightDecay,
      trustCoefficient: nil)
  case .lars(let momentum, let weightDecay, let trustCoefficient):
    return momentumUpdate(
      operands.parameter, operands.slots[0], gradient, rate: scalars[0], momentum, weightDecay,
      trustCoefficient: trustCoefficient)
  case .adamW(let beta1, let beta2, let epsilon, let weightDecay):
    let first = zip(operands.slots[0], gradient).map { beta1 * $0 + (1 - beta1) * $1 }
    let second = zip(operands.slots[1], gradient).map { beta2 * $0 + (1 - beta2) * $1 * $1 }
    let parameter = operands.parameter.indices.map { index in
      let root = (second[index] * scalars[2]).squareRoot() + epsilon
      let old = operands.parameter[index]
      return old - scalars[0] * (first[index] * scalars[1] / root + weightDecay * old)
    }
    return [parameter, first, second]
  }
}

private func momentumUpdate(
  _ parameter: [Double], _ velocity: [Double], _ gradient: [Double], rate: Double,
  _ momentum: Double, _ weightDecay: Double, trustCoefficient: Double?
) -> [[Double]] {
  func norm(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
  var gradient = zip(gradient, parameter).map { $0 + weightDecay * $1 }
  let (ofParameter, ofGradient) = (norm(parameter), norm(gradient))
  if let trustCoefficient, ofParameter > 0, ofGradient > 0 {
    let ratio = trustCoefficient * ofParameter / ofGradient
    gradient = gradient.map { $0 * ratio }
  }
  let newVelocity = zip(velocity, gradient).map { momentum * $0 + $1 }
  return [zip(parameter, newVelocity).map { $0 - rate * $1 }, newVelocity]
}
