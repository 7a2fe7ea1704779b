import Tensors

/// What the values of one layout class are for. From it follow their element type and who chooses their layout.
public enum Role: String, Sendable {
  /// Parameters, and what is computed from them element by element: slots, gradients, averages. They are float32 in either
  /// precision. The first convolution that reads them chooses their layout.
  case parameter
  /// Inputs that only convolutions read. The first of them chooses the layout.
  case picture
  /// Feature maps `[N,C,H,W]`, stored in the lowering's precision in the one layout of the whole network.
  case featureMap = "feature map"
  /// Everything else: representations, projections, statistics, losses. They are float32: their precision matters,
  /// and their size does not.
  case matrix

  /// The number format of the elements, where activations are stored as `activations`.
  public func elementType(activations: Precision) -> Precision {
    switch self {
    case .parameter, .matrix: .float32
    case .picture, .featureMap: activations
    }
  }
}

/// The role of each layout class of a graph: a pure function of the graph.
public struct Roles: Sendable {
  private let classes: LayoutClasses
  private var roles: [Graph.Value: Role] = [:]

  /// The roles of a graph's values.
  public init(_ graph: Graph, _ classes: LayoutClasses, _ readers: Graph.Readers) {
    self.classes = classes
    for index in graph.nodes.indices {
      for parameter in Roles.parameters(graph, index) {
        roles[classes.representative(parameter)] = .parameter
      }
    }
    for input in graph.inputs where graph.nodes[input.node].shapes[0].rank == 4 {
      let value = Graph.Value(node: input.node)
      let onlyConvolutions = readers.operands(of: value).allSatisfy { Roles.isPicture($0, graph) }
      let representative = classes.representative(value)
      if onlyConvolutions, roles[representative] == nil { roles[representative] = .picture }
    }
    for (index, node) in graph.nodes.enumerated() {
      for result in node.shapes.indices where node.shapes[result].rank == 4 {
        let representative = classes.representative(.init(node: index, result: result))
        if roles[representative] == nil { roles[representative] = .featureMap }
      }
    }
  }

  /// What a value is for.
  public func role(of value: Graph.Value) -> Role {
    roles[classes.representative(value)] ?? .matrix
  }

  /// The values that a node tells to be parameters.
  private static func parameters(_ graph: Graph, _ index: Int) -> [Graph.Value] {
    let node = graph.nodes[index]
    let result = Graph.Value(node: index)
    switch node.operation {
    case .convolution, .convolutionInputGradient, .convolutionWithBias: return [node.inputs[1]]
    case .interpolate, .runningAverage, .optimizerUpdate, .convolutionWeightGradient, .variable:
      return [result]
    case .input, .constant, .batchNormalization, .batchNormalizationGradient,
      .batchNormalizationInference, .maxPool, .maxPoolGradient, .globalAveragePool,
      .globalAveragePoolGradient, .matrixProduct, .addBias, .sumRows, .sumColumns, .repeatColumns,
      .repeatRows, .zeroDiagonal, .logSumExpOfRows, .logSumExpOfRowsGradient, .concatenateRows,
      .sliceRows, .placeRows, .relu, .reluGradient, .add, .subtract, .multiply, .divide, .scale,
      .addScalar, .squareRoot, .exponential, .logarithm, .stopGradient, .mean, .broadcast,
      .l2Normalize, .l2NormalizeGradient:
      return []
    }
  }

  /// Whether a convolution, or the gradient of its weights, reads its picture by this operand.
  private static func isPicture(_ operand: Graph.Readers.Operand, _ graph: Graph) -> Bool {
    switch graph.nodes[operand.node].operation {
    case .convolution, .convolutionWithBias: operand.number == 0
    case .convolutionWeightGradient: operand.number == 1
    default: false
    }
  }
}
