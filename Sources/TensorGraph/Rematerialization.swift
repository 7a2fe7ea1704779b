import Tensors

/// Recomputation of activations (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", arXiv
/// 1604.06174): what a gradient reads is computed again where it is read, from the few values that are kept.
extension Graph {
  /// The same computation, to the same bits, in which fewer activations live from the forward pass to their
  /// gradients.
  ///
  /// Convolutions, batch normalisations and poolings are computed a second time, just before the first gradient
  /// that reads them, unless a value has several readers or one of another kind in the forward pass: those, such
  /// as the input of a residual block, are kept. The order of all other nodes stays.
  public func rematerialized() -> Graph {
    var pass = Rematerialization(self)
    return pass.graph()
  }
}

private struct Rematerialization {
  private let source: Graph
  private let readers: Graph.Readers
  private var result = Graph()
  /// The index in the result of each node of the source.
  private var indices: [Int] = []
  /// The index in the result of each node's second computation.
  private var copies: [Int: Int] = [:]

  init(_ source: Graph) {
    self.source = source
    readers = source.readers
  }

  mutating func graph() -> Graph {
    for node in source.nodes {
      var copy = node
      copy.inputs = node.inputs.map { operand in
        node.operation.isGradientOfActivations && isRecomputed(operand)
          ? recomputed(operand) : moved(operand)
      }
      indices.append(result.nodes.count)
      result.nodes.append(copy)
    }
    result.assignments = source.assignments.map {
      Graph.Assignment(variable: indices[$0.variable], value: moved($0.value))
    }
    result.outputs = source.outputs.map { ($0.name, moved($0.value)) }
    return result
  }

  private func moved(_ value: Graph.Value) -> Graph.Value {
    Graph.Value(node: indices[value.node], result: value.result)
  }

  /// The value's second computation, with those that it needs.
  private mutating func recomputed(_ value: Graph.Value) -> Graph.Value {
    if let copy = copies[value.node] { return Graph.Value(node: copy, result: value.result) }
    var node = source.nodes[value.node]
    var inputs: [Graph.Value] = []
    for operand in node.inputs {
      inputs.append(isRecomputed(operand) ? recomputed(operand) : moved(operand))
    }
    node.inputs = inputs
    copies[value.node] = result.nodes.count
    result.nodes.append(node)
    return Graph.Value(node: result.nodes.count - 1, result: value.result)
  }

  private func isRecomputed(_ value: Graph.Value) -> Bool {
    let node = source.nodes[value.node]
    guard value.result == 0, node.operation.isRecomputable, node.shapes[0].rank == 4 else {
      return false
    }
    let forward = readers.operands(of: value).map(\.node).filter {
      !source.nodes[$0].operation.isGradientOfActivations
    }
    return forward.count == 1 && source.nodes[forward[0]].operation.isRecomputable
      && readers.outputs(of: value).isEmpty
  }
}

extension Operation {
  /// Forward operations on activations that cost little memory to compute again.
  fileprivate var isRecomputable: Bool {
    switch self {
    case .convolution, .batchNormalization, .maxPool: true
    default: false
    }
  }

  /// Gradients that read what the forward pass made.
  fileprivate var isGradientOfActivations: Bool {
    switch self {
    case .convolutionInputGradient, .convolutionWeightGradient, .batchNormalizationGradient,
      .maxPoolGradient, .globalAveragePoolGradient:
      true
    default: false
    }
  }
}
