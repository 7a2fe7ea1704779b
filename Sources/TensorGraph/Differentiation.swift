import Tensors

extension Tensor {
  /// The gradients of this scalar with respect to `parameters`, recorded into the same graph.
  ///
  /// Reverse accumulation: one rule per node, only on paths from the parameters to the scalar, in the
  /// reverse order of recording. A parameter that the scalar does not depend on is a broken precondition.
  public func gradients(of parameters: [Tensor]) -> [Tensor] {
    gradients(of: parameters, by: GradientRule.operandGradients)
  }

  /// The gradients by other rules than ``GradientRule``'s. Tests give it a wrong one, which their checks must notice.
  func gradients(
    of parameters: [Tensor], by rule: (GradientRule.Context) -> [Tensor?]
  ) -> [Tensor] {
    precondition(shape == [], "Gradients are taken of scalars, not of \(shape).")
    let recorder = recorder
    let nodes = recorder.graph.nodes
    let reached = dependents(of: parameters, upTo: value.node, nodes)
    // One gradient per reader of a value. They are added where a rule reads them, so that a fused operation can add
    // one of them itself.
    var gradients = [value: [recorder.constant(1)]]
    for index in stride(from: value.node, through: 0, by: -1) where reached[index] {
      let node = nodes[index]
      let results = node.shapes.indices.map {
        Tensor(recorder: recorder, value: .init(node: index, result: $0), shape: node.shapes[$0])
      }
      guard let ofFirst = gradients[.init(node: index)], !node.inputs.isEmpty else { continue }
      let context = GradientRule.Context(
        operation: node.operation,
        operands: node.inputs.map {
          Tensor(recorder: recorder, value: $0, shape: recorder.graph.shape(of: $0))
        },
        results: results, gradients: ofFirst, needed: node.inputs.map { reached[$0.node] })
      for (operand, gradient) in zip(node.inputs, rule(context)) {
        guard let gradient, reached[operand.node] else { continue }
        gradients[operand, default: []].append(gradient)
      }
    }
    return parameters.map { parameter in
      guard let ofParameter = gradients[parameter.value] else {
        preconditionFailure("The loss does not depend on \(parameter.value).")
      }
      return ofParameter.dropFirst().reduce(ofParameter[0], +)
    }
  }

  /// Which nodes up to `last` read one of `parameters`, directly or through others.
  private func dependents(of parameters: [Tensor], upTo last: Int, _ nodes: [Graph.Node]) -> [Bool]
  {
    var reached = [Bool](repeating: false, count: nodes.count)
    for parameter in parameters { reached[parameter.value.node] = true }
    for index in 0...last where !reached[index] {
      guard nodes[index].operation != .stopGradient else { continue }
      reached[index] = nodes[index].inputs.contains { reached[$0.node] }
    }
    return reached
  }
}
