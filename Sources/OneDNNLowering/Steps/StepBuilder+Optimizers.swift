import CKernels
import TensorGraph

// MARK: Updates of the optimizer

extension StepBuilder {
  /// One update. Results may be written over the operands: each element is read before it is written.
  func optimizerUpdate(_ index: Int, _ rule: OptimizerRule) throws(LoweringError) -> [Step] {
    let inputs = graph.nodes[index].inputs
    guard let operands = rule.operands(inputs) else {
      preconditionFailure("\(rule) of \(inputs.count) operands.")
    }
    switch rule {
    case .sgd(let momentum, let weightDecay):
      return try momentumUpdate(
        index, operands, momentum: Float(momentum), weightDecay: Float(weightDecay), trust: -1)
    case .lars(let momentum, let weightDecay, let trustCoefficient):
      return try momentumUpdate(
        index, operands, momentum: Float(momentum), weightDecay: Float(weightDecay),
        trust: Float(trustCoefficient))
    case .adamW(let beta1, let beta2, let epsilon, let weightDecay):
      // 1 − β is taken in double precision: of a rounded β₂ = 0.999 it would be wrong in the fifth digit.
      let constants = ck_adamw(
        first_decay: Float(beta1), first_share: Float(1 - beta1), second_decay: Float(beta2),
        second_share: Float(1 - beta2), epsilon: Float(epsilon), weight_decay: Float(weightDecay))
      return try adamWUpdate(index, operands, constants)
    }
  }

  private func momentumUpdate(
    _ index: Int, _ operands: OptimizerRule.Operands<Graph.Value>, momentum: Float,
    weightDecay: Float, trust: Float
  ) throws(LoweringError) -> [Step] {
    let count = try elements(.init(node: index)).count
    let (p, v) = unsafe (floats(operands.parameter), floats(operands.slots[0]))
    let (newP, newV) = unsafe (result(index), floats(.init(node: index, result: 1)))
    let gradients = unsafe addresses(operands.gradients)
    let rate = unsafe floats(operands.scalars[0])
    let workspace = unsafe memory.workspaceAddress
    return try step(index) {
      unsafe ck_optimizer_update(
        count, p, v, gradients, Int64(gradients.count), rate.pointee, weightDecay, momentum, trust,
        newP, newV, workspace)
    }
  }

  private func adamWUpdate(
    _ index: Int, _ operands: OptimizerRule.Operands<Graph.Value>, _ constants: ck_adamw
  ) throws(LoweringError) -> [Step] {
    let count = try elements(.init(node: index)).count
    let (p, m, v) = unsafe (
      floats(operands.parameter), floats(operands.slots[0]), floats(operands.slots[1])
    )
    let newP = unsafe result(index)
    let (newM, newV) = unsafe (
      floats(.init(node: index, result: 1)), floats(.init(node: index, result: 2))
    )
    let gradients = unsafe addresses(operands.gradients)
    let scalars = unsafe addresses(operands.scalars)
    return try step(index) {
      unsafe ck_adamw_update(
        count, p, m, v, gradients, Int64(gradients.count), constants, scalars, newP, newM, newV)
    }
  }

  private func addresses(_ values: [Graph.Value]) -> [UnsafePointer<Float>?] {
    unsafe values.map { unsafe UnsafePointer(floats($0)) }
  }
}
