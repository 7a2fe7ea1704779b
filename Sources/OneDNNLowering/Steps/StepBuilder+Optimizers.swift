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
    let (p, v) = (floats(operands.parameter), floats(operands.slots[0]))
    let (newP, newV) = (result(index), floats(.init(node: index, result: 1)))
    let gradients = unsafe addresses(operands.gradients)
    let rate = floats(operands.scalars[0])
    let workspace = memory.workspaceAddress
    return try step(index) {
      unsafe ck_optimizer_update(
        count, p.floats, v.floats, gradients, Int64(gradients.count), rate.floats.pointee,
        weightDecay, momentum, trust,
        newP.floats, newV.floats, workspace.base)
    }
  }

  private func adamWUpdate(
    _ index: Int, _ operands: OptimizerRule.Operands<Graph.Value>, _ constants: ck_adamw
  ) throws(LoweringError) -> [Step] {
    let count = try elements(.init(node: index)).count
    let (p, m, v) = (
      floats(operands.parameter), floats(operands.slots[0]), floats(operands.slots[1])
    )
    let newP = result(index)
    let (newM, newV) = (
      floats(.init(node: index, result: 1)), floats(.init(node: index, result: 2))
    )
    let gradients = unsafe addresses(operands.gradients)
    let scalars = unsafe addresses(operands.scalars)
    return try step(index) {
      unsafe ck_adamw_update(
        count, p.floats, m.floats, v.floats, gradients, Int64(gradients.count), constants, scalars,
        newP.floats, newM.floats, newV.floats)
    }
  }

  private func addresses(_ values: [Graph.Value]) -> [UnsafePointer<Float>?] {
    unsafe values.map { unsafe UnsafePointer(floats($0).floats) }
  }
}
