/// A graph whose convolutions have taken in the normalisations behind them, and what that asks of the variables'
/// values.
public struct FoldedGraph: Sendable, Equatable {
  /// The graph; weights and offsets keep their names and shapes, and hold folded values.
  public var graph: Graph
  /// What was folded, in the order of the graph.
  public var foldings: [Folding]

  /// A graph and what was folded into it.
  public init(graph: Graph, foldings: [Folding]) {
    self.graph = graph
    self.foldings = foldings
  }

  /// Replaces weights and offsets in `values`, the unfolded graph's variables by name, by what the folded graph
  /// wants of them.
  public func fold(_ values: inout [String: [Float]]) {
    for folding in foldings { folding.apply(to: &values) }
  }
}

/// One normalisation that went into its convolution, by the names of the variables.
///
/// With k = scale / √(variance + ε), the weight of each output channel becomes k·w and the bias offset − k·mean.
public struct Folding: Hashable, Sendable {
  /// The convolution's weight; folded in place.
  public var weight: String
  /// The normalisation's offset; becomes the bias.
  public var offset: String
  /// The normalisation's scale.
  public var scale: String
  /// The mean that is subtracted.
  public var mean: String
  /// The variance that is divided by.
  public var variance: String
  /// Added to the variance.
  public var epsilon: Float

  /// Folds in double precision, so that what is lost is one rounding to float32.
  func apply(to values: inout [String: [Float]]) {
    guard var weights = values[weight], var biases = values[offset], let scales = values[scale],
      let means = values[mean], let variances = values[variance]
    else { preconditionFailure("\(self) needs the values of all five variables.") }
    let weightsPerChannel = weights.count / biases.count
    for channel in biases.indices {
      let factor =
        Double(scales[channel]) / (Double(variances[channel]) + Double(epsilon)).squareRoot()
      biases[channel] = Float(Double(biases[channel]) - factor * Double(means[channel]))
      for index in channel * weightsPerChannel..<(channel + 1) * weightsPerChannel {
        weights[index] = Float(Double(weights[index]) * factor)
      }
    }
    values[weight] = weights
    values[offset] = biases
  }
}

extension Graph {
  /// The same function with every normalisation by given statistics folded into the convolution before it.
  ///
  /// Folded is a pair whose intermediate value nobody else reads and whose weight and offset are variables that
  /// nothing else reads and no assignment changes. Variables that nothing reads any more are left out.
  public func folded() -> FoldedGraph {
    let readers = readers
    let pairs = foldablePairs(readers)
    let convolutions = Set(pairs.values)
    var result = FoldedGraph(graph: Graph(), foldings: [])
    // Where each value of this graph is in the result.
    var mapped: [Value: Value] = [:]
    for (index, node) in nodes.enumerated() where !convolutions.contains(index) {
      var copy = node
      if let convolution = pairs[index], let folding = folding(convolution, index) {
        result.foldings.append(folding)
        copy = foldedNode(convolution, node)
      } else if isStatistic(index, of: pairs, readers) {
        continue
      }
      copy.inputs = copy.inputs.compactMap { mapped[$0] }
      for number in node.shapes.indices {
        mapped[Value(node: index, result: number)] = Value(
          node: result.graph.nodes.count, result: number)
      }
      result.graph.nodes.append(copy)
    }
    for assignment in assignments {
      guard let variable = mapped[Value(node: assignment.variable)],
        let value = mapped[assignment.value]
      else { continue }
      result.graph.assignments.append(.init(variable: variable.node, value: value))
    }
    result.graph.outputs = outputs.compactMap { output in
      mapped[output.value].map { (output.name, $0) }
    }
    return result
  }

  /// Convolutions to fold, by the node of their normalisation.
  private func foldablePairs(_ readers: Readers) -> [Int: Int] {
    var pairs: [Int: Int] = [:]
    for (index, node) in nodes.enumerated() {
      guard case .batchNormalizationInference = node.operation,
        case .convolution = nodes[node.inputs[0].node].operation,
        readers.isReadOnce(node.inputs[0]), folding(node.inputs[0].node, index) != nil,
        readers.isReadOnce(nodes[node.inputs[0].node].inputs[1]),
        readers.isReadOnce(node.inputs[2])
      else { continue }
      pairs[index] = node.inputs[0].node
    }
    return pairs
  }

  private func foldedNode(_ convolution: Int, _ normalization: Node) -> Node {
    guard case .convolution(let stride, let padding) = nodes[convolution].operation,
      case .batchNormalizationInference(_, let relu) = normalization.operation
    else { preconditionFailure("%\(convolution) is no convolution to fold.") }
    let residual = normalization.inputs.dropFirst(5)
    return Node(
      operation: .convolutionWithBias(stride: stride, padding: padding, relu: relu),
      inputs: nodes[convolution].inputs + [normalization.inputs[2]] + residual,
      shapes: normalization.shapes)
  }

  /// Whether the node is a scale, mean or variance that only folded normalisations read.
  private func isStatistic(_ index: Int, of pairs: [Int: Int], _ readers: Readers) -> Bool {
    let value = Value(node: index)
    let operands = readers.operands(of: value)
    return !operands.isEmpty && readers.outputs(of: value).isEmpty
      && operands.allSatisfy { pairs[$0.node] != nil && [1, 3, 4].contains($0.number) }
  }

  /// What folding asks of the variables, if all of them are variables that no assignment changes.
  private func folding(_ convolution: Int, _ normalization: Int) -> Folding? {
    guard case .batchNormalizationInference(let epsilon, _) = nodes[normalization].operation
    else { return nil }
    let operands = [nodes[convolution].inputs[1]] + nodes[normalization].inputs[1...4]
    let names = operands.compactMap { operand -> String? in
      guard case .variable(let name) = nodes[operand.node].operation,
        !assignments.contains(where: { $0.variable == operand.node })
      else { return nil }
      return name
    }
    guard names.count == 5 else { return nil }
    return Folding(
      weight: names[0], offset: names[2], scale: names[1], mean: names[3], variance: names[4],
      epsilon: epsilon)
  }
}

extension Graph.Readers {
  /// Whether one operand of one node is all that reads the value.
  fileprivate func isReadOnce(_ value: Graph.Value) -> Bool {
    operands(of: value).count == 1 && !leavesGraph(value)
  }
}
