public import Tensors

/// One call of a kernel in a program.
public struct ProgramStep: Sendable, Hashable {
  /// The operation, or what happens to a value beside it, such as `reorder`.
  public var name: String
  /// The kernel, where the operation has several.
  public var kernel: String
  /// The graph's node that it belongs to.
  public var node: Int
  /// The shape of what it makes.
  public var shape: Shape
  /// Bytes that are read or written at least once: what the step costs where memory bandwidth is the limit.
  public var byteCount: Int
  /// Multiplications, each with its addition; 0 where memory alone limits the step.
  public var multiplicationCount: Int

  /// A step.
  public init(
    name: String, kernel: String = "", node: Int, shape: Shape, byteCount: Int,
    multiplicationCount: Int
  ) {
    self.name = name
    self.kernel = kernel
    self.node = node
    self.shape = shape
    self.byteCount = byteCount
    self.multiplicationCount = multiplicationCount
  }
}

extension Graph {
  /// Multiplications of all nodes, each with its addition.
  public var multiplicationCount: Int {
    nodes.indices.reduce(0) { $0 + multiplicationCount(of: $1) }
  }

  /// Multiplications of a node's convolution or matrix product, each with its addition; else 0.
  public func multiplicationCount(of node: Int) -> Int {
    let node = nodes[node]
    switch node.operation {
    case .convolution, .convolutionWithBias:
      // Each output element is a sum over the weight's other extents.
      let weight = shape(of: node.inputs[1])
      return node.shapes[0].elementCount * (weight.elementCount / weight[0])
    case .convolutionInputGradient:
      let weight = shape(of: node.inputs[1])
      return shape(of: node.inputs[0]).elementCount * (weight.elementCount / weight[0])
    case .convolutionWeightGradient:
      let weight = node.shapes[0]
      return shape(of: node.inputs[0]).elementCount * (weight.elementCount / weight[0])
    case .matrixProduct(let transposeFirst, _):
      let first = shape(of: node.inputs[0])
      return node.shapes[0].elementCount * (transposeFirst ? first[0] : first[1])
    default: return 0
    }
  }
}
