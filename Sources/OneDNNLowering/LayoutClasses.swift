import TensorGraph
import Tensors

/// Values that must share one layout, because flat kernels walk them side by side.
struct LayoutClasses {
  private var parent: [Graph.Value: Graph.Value] = [:]

  init(_ graph: Graph) {
    for (index, node) in graph.nodes.enumerated() {
      let results = node.shapes.indices.map { Graph.Value(node: index, result: $0) }
      for result in results { parent[result] = result }
      guard LayoutClasses.isFlat(node.operation) else { continue }
      for operand in node.inputs where graph.shape(of: operand) == node.shapes[0] {
        for result in results { join(operand, result) }
      }
    }
    for assignment in graph.assignments {
      join(Graph.Value(node: assignment.variable), assignment.value)
    }
  }

  /// The member that stands for all values of the same layout.
  func representative(_ value: Graph.Value) -> Graph.Value {
    var value = value
    while let next = parent[value], next != value { value = next }
    return value
  }

  private mutating func join(_ a: Graph.Value, _ b: Graph.Value) {
    parent[representative(b)] = representative(a)
  }

  private static func isFlat(_ operation: Operation) -> Bool {
    switch operation {
    case .relu, .reluGradient, .add, .subtract, .multiply, .divide, .scale, .addScalar,
      .squareRoot, .exponential, .logarithm, .stopGradient, .interpolate, .runningAverage,
      .optimizerUpdate:
      true
    default: false
    }
  }
}
