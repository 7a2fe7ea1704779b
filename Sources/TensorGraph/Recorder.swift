public import Tensors

/// Records operations into a ``Graph``. A shape that does not fit is a broken precondition, with both
/// shapes in the message.
public final class Recorder {
  /// What has been recorded so far.
  public private(set) var graph = Graph()
  private var leaves: [String: Tensor] = [:]

  /// A recorder with an empty graph.
  public init() {}

  /// A tensor that the host writes before each run. Rank-4 inputs are pictures: see ``Program``.
  public func input(_ name: String, _ shape: Shape) -> Tensor {
    leaf(name, .input(name: name), shape)
  }

  /// A tensor that keeps its value from run to run. The same name is the same variable.
  public func variable(_ name: String, _ shape: Shape) -> Tensor {
    leaf(name, .variable(name: name), shape)
  }

  /// A scalar that never changes.
  public func constant(_ value: Float) -> Tensor { record(.constant(value), [])[0] }

  /// Makes `value` the next value of `variable`, which must be a variable of the same shape that has no
  /// next value yet.
  public func assign(_ value: Tensor, to variable: Tensor) {
    guard case .variable(let name) = graph.nodes[variable.value.node].operation else {
      preconditionFailure("Only a variable can be assigned to, not \(variable).")
    }
    precondition(value.shape == variable.shape, "\(name) \(variable.shape) := \(value.shape)")
    precondition(!graph.nodes[value.value.node].inputs.isEmpty, "\(name) := a leaf.")
    precondition(
      !graph.assignments.contains { $0.variable == variable.value.node },
      "\(name) is assigned twice.")
    graph.assignments.append(.init(variable: variable.value.node, value: value.value))
  }

  /// Lets the host read `tensor` after a run, under a name not used for another output.
  public func output(_ name: String, _ tensor: Tensor) {
    precondition(!graph.outputs.contains { $0.name == name }, "Output \(name) exists.")
    graph.outputs.append((name, tensor.value))
  }

  /// Records one node and returns its results.
  func record(_ operation: Operation, _ inputs: [Tensor]) -> [Tensor] {
    let shapes = ShapeRule.results(of: operation, operands: inputs.map(\.shape))
    graph.nodes.append(.init(operation: operation, inputs: inputs.map(\.value), shapes: shapes))
    let node = graph.nodes.count - 1
    return shapes.indices.map { result in
      Tensor(recorder: self, value: .init(node: node, result: result), shape: shapes[result])
    }
  }

  private func leaf(_ name: String, _ operation: Operation, _ shape: Shape) -> Tensor {
    if let known = leaves[name] {
      let recorded = graph.nodes[known.value.node].operation
      precondition(
        known.shape == shape && recorded == operation,
        "\(name) is already \(recorded) of shape \(known.shape), not \(operation) \(shape).")
      return known
    }
    graph.nodes.append(.init(operation: operation, inputs: [], shapes: [shape]))
    let tensor = Tensor(
      recorder: self, value: .init(node: graph.nodes.count - 1), shape: shape)
    leaves[name] = tensor
    return tensor
  }
}

/// A handle to one value of the graph being recorded.
public struct Tensor {
  /// The graph's recorder.
  public let recorder: Recorder
  /// Which value.
  public let value: Graph.Value
  /// Its logical shape.
  public let shape: Shape
}
