/// Which values share bytes: a function of the graph.
///
/// It holds for a lowering whose kernels write in place where ``inPlace(_:)`` says so.
public struct Aliases: Sendable {
  private let graph: Graph
  /// The last node that reads each value.
  public let liveness: Liveness
  /// Variables whose bytes are donated to their next value, by that value's root.
  public private(set) var donors: [Graph.Value: Int] = [:]

  /// Who shares bytes in a graph.
  public init(_ graph: Graph, readers: Graph.Readers) {
    self.graph = graph
    liveness = Liveness(graph, root: { Aliases.root($0, graph) })
    donateVariables(readers)
  }

  /// The value whose bytes `value` shares for certain: the operand of stopped gradients, else itself.
  public func root(_ value: Graph.Value) -> Graph.Value { Aliases.root(value, graph) }

  private static func root(_ value: Graph.Value, _ graph: Graph) -> Graph.Value {
    var value = value
    while graph.nodes[value.node].operation == .stopGradient {
      value = graph.nodes[value.node].inputs[0]
    }
    return value
  }

  /// Whether anything reads the value or it leaves the graph.
  public func isRead(_ value: Graph.Value) -> Bool { liveness.lastUse[root(value)] != nil }

  /// Whether the value needs bytes in the arena: leaves, stopped gradients and next values of donors have other bytes, and
  /// a gradient of a residual that nobody reads is never written.
  public func isInArena(_ value: Graph.Value) -> Bool {
    guard root(value) == value, donors[value] == nil else { return false }
    switch graph.nodes[value.node].operation {
    case .input, .variable: return false
    case .batchNormalizationGradient where value.result == 3: return isRead(value)
    default: return true
    }
  }

  /// Results that a node's kernel may write over an operand that dies there, in order of preference. Kernels that are not
  /// elementwise are listed where they read each element, for the last time, before they write it.
  public func inPlace(_ node: Int) -> [(result: Int, operand: Int)] {
    let inputs = graph.nodes[node].inputs
    switch graph.nodes[node].operation {
    case .batchNormalization: return [(0, 0)] + (inputs.count == 4 ? [(0, 3)] : [])
    case .batchNormalizationInference: return [(0, 0)] + (inputs.count == 6 ? [(0, 5)] : [])
    case .batchNormalizationGradient:
      // The first pass writes the residual's gradient over dy or y. The second pass reads that and x, and writes over x.
      return isRead(.init(node: node, result: 3))
        ? [(0, 1), (3, 0), (3, 2)] : [(0, 0), (0, 1), (0, 2)]
    case .convolutionWithBias: return inputs.count == 4 ? [(0, 3)] : []
    case .relu, .scale, .addScalar, .squareRoot, .exponential, .logarithm, .addBias, .interpolate,
      .runningAverage, .l2Normalize, .zeroDiagonal:
      return [(0, 0)]
    case .add, .subtract, .multiply, .divide, .reluGradient, .l2NormalizeGradient:
      return [(0, 0), (0, 1)]
    case .logSumExpOfRowsGradient: return [(0, 1)]
    case .optimizerUpdate: return graph.nodes[node].shapes.indices.map { ($0, $0) }
    case .input, .variable, .constant, .stopGradient, .convolution, .convolutionInputGradient,
      .convolutionWeightGradient, .maxPool, .maxPoolGradient, .globalAveragePool,
      .globalAveragePoolGradient, .matrixProduct, .sumRows, .sumColumns, .repeatColumns,
      .repeatRows, .logSumExpOfRows, .concatenateRows, .sliceRows, .placeRows, .mean, .broadcast:
      return []
    }
  }

  /// A variable donates its bytes to its next value if nobody reads the old value after the next one is computed, and the
  /// kernel that computes it may write in place.
  private mutating func donateVariables(_ readers: Graph.Readers) {
    // Stopped gradients share their operand's bytes: who reads those reads the variable.
    var operands: [Graph.Value: [Graph.Readers.Operand]] = [:]
    for value in readers.values {
      operands[root(value), default: []] += readers.operands(of: value)
    }
    for assignment in graph.assignments {
      let value = root(assignment.value)
      let variable = Graph.Value(node: assignment.variable)
      let inPlace = inPlace(value.node).filter { $0.result == value.result }.map(\.operand)
      let isReadBefore = (operands[variable] ?? []).allSatisfy {
        $0.node < value.node || $0.node == value.node && inPlace.contains($0.number)
      }
      let isOutput = graph.outputs.contains { root($0.value) == variable }
      let isLeaf = graph.nodes[value.node].inputs.isEmpty
      if isReadBefore, !isOutput, !isLeaf, donors[value] == nil {
        donors[value] = assignment.variable
      }
    }
  }
}

extension Aliases: CustomStringConvertible {
  /// One line for each donation, in the order of the values.
  public var description: String {
    donors.sorted { ($0.key.node, $0.key.result) < ($1.key.node, $1.key.result) }
      .map { "%\($0.key.node).\($0.key.result) takes over %\($0.value)" }.joined(separator: "\n")
  }
}

extension MemoryPlan {
  /// Where the values of a graph lie in the arena, given who shares bytes and how many bytes each value takes.
  public init<Failure: Error>(
    _ graph: Graph, _ aliases: Aliases, byteCount: (Graph.Value) throws(Failure) -> Int
  ) throws(Failure) {
    var byteCounts: [Graph.Value: Int] = [:]
    for (index, node) in graph.nodes.enumerated() {
      for result in node.shapes.indices {
        let value = Graph.Value(node: index, result: result)
        if aliases.isInArena(value) { byteCounts[value] = try byteCount(value) }
      }
    }
    self.init(
      graph,
      .init(byteCount: { byteCounts[$0] ?? 0 }, inPlace: aliases.inPlace, root: aliases.root))
  }
}
