/// Which values must share one layout: elementwise kernels walk their operands and results side by side, and a variable
/// takes over the bytes of its next value.
public struct LayoutClasses: Sendable {
  private var parent: [Graph.Value: Graph.Value] = [:]

  /// The classes of a graph's values.
  public init(_ graph: Graph) {
    for (index, node) in graph.nodes.enumerated() {
      let results = node.shapes.indices.map { Graph.Value(node: index, result: $0) }
      for result in results { parent[result] = result }
      guard LayoutClasses.isElementwise(node.operation) else { continue }
      for operand in node.inputs where graph.shape(of: operand) == node.shapes[0] {
        for result in results { join(operand, result) }
      }
    }
    for assignment in graph.assignments {
      join(Graph.Value(node: assignment.variable), assignment.value)
    }
  }

  /// The member that stands for all values of the same layout.
  public func representative(_ value: Graph.Value) -> Graph.Value {
    var value = value
    while let next = parent[value], next != value { value = next }
    return value
  }

  private mutating func join(_ a: Graph.Value, _ b: Graph.Value) {
    parent[representative(b)] = representative(a)
  }

  /// Whether the kernel of an operation reads element i of each operand of the result's shape for element i of the result,
  /// wherever that is stored.
  private static func isElementwise(_ operation: Operation) -> Bool {
    switch operation {
    case .relu, .reluGradient, .add, .subtract, .multiply, .divide, .scale, .addScalar,
      .squareRoot, .exponential, .logarithm, .stopGradient, .interpolate, .runningAverage,
      .optimizerUpdate:
      true
    case .input, .variable, .constant, .convolution, .convolutionInputGradient,
      .convolutionWeightGradient, .convolutionWithBias, .batchNormalization,
      .batchNormalizationGradient, .batchNormalizationInference, .maxPool, .maxPoolGradient,
      .globalAveragePool, .globalAveragePoolGradient, .matrixProduct, .addBias, .sumRows,
      .sumColumns, .repeatColumns, .repeatRows, .zeroDiagonal, .logSumExpOfRows,
      .logSumExpOfRowsGradient, .concatenateRows, .sliceRows, .placeRows, .mean, .broadcast,
      .l2Normalize, .l2NormalizeGradient:
      false
    }
  }
}
