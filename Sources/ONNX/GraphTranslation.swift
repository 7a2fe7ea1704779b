public import TensorGraph
import Tensors

extension ONNXGraph {
  /// Adds the nodes of a graph that was recorded for one picture, so that they compute any number N of pictures.
  ///
  /// A value whose first axis has R rows for one picture has R groups of N rows: what the graph does with the first row of
  /// one picture is done with the first rows of all. So rows are taken by splitting into equal groups, and nothing in the
  /// file depends on N.
  ///
  /// - Parameters:
  ///   - graph: Operations of inference; its outputs keep their names.
  ///   - inputs: For each input of the graph, the name of the value that takes its place.
  ///   - values: The variables by name, row-major.
  /// - Throws: `ONNXError.unsupported`.
  public mutating func add(
    _ graph: Graph, inputs: [String: String], values: [String: [Float]]
  ) throws(ONNXError) {
    var translation = GraphTranslation(graph, inputs: inputs, values: values, into: self)
    for index in graph.nodes.indices { try translation.translate(index) }
    for (name, value) in graph.outputs { translation.name(value, name) }
    self = translation.result
  }
}

/// Turns the nodes of a graph into nodes of ONNX, one after the other.
private struct GraphTranslation {
  private(set) var result: ONNXGraph
  private let graph: Graph
  private let inputs: [String: String]
  private let values: [String: [Float]]
  /// What each value translated so far is called.
  private var names: [Graph.Value: String] = [:]
  /// The groups of rows of values that were split.
  private var groups: [Graph.Value: [String]] = [:]
  /// Nodes whose results have pictures along the first axis.
  private var ofPictures: Set<Int> = []

  init(
    _ graph: Graph, inputs: [String: String], values: [String: [Float]], into result: ONNXGraph
  ) {
    (self.graph, self.inputs, self.values, self.result) = (graph, inputs, values, result)
  }

  /// Gives a value that was translated the name of an output.
  mutating func name(_ value: Graph.Value, _ name: String) {
    let present = operand(value)
    result.rename(present, to: name)
    for (other, known) in names where known == present { names[other] = name }
  }

  mutating func translate(_ index: Int) throws(ONNXError) {
    let node = graph.nodes[index]
    let operands = node.inputs.map(operand)
    if node.inputs.contains(where: { ofPictures.contains($0.node) }) { ofPictures.insert(index) }
    names[Graph.Value(node: index)] = try translated(index, node, operands)
  }

  private func operand(_ value: Graph.Value) -> String {
    guard let name = names[value] else {
      preconditionFailure("%\(value.node) is read before it is computed.")
    }
    return name
  }

  /// What the nodes made for node `index` are called: as the layer whose weights it reads, else as the operation.
  private func title(_ index: Int) -> String {
    for input in graph.nodes[index].inputs {
      guard case .variable(let name) = graph.nodes[input.node].operation else { continue }
      return name.split(separator: ".").dropLast().joined(separator: ".")
    }
    return "\(graph.nodes[index].operation.name)_\(index)"
  }

  /// Adds what computes node `index` and returns the result's name.
  private mutating func translated(
    _ index: Int, _ node: Graph.Node, _ operands: [String]
  ) throws(ONNXError) -> String {
    let title = title(index)
    switch node.operation {
    case .input(let name):
      ofPictures.insert(index)
      return inputs[name] ?? name
    case .variable(let name):
      return result.add(constant: .floats(values[name] ?? []), node.shapes[0], name: name)
    case .constant(let value):
      return result.add(constant: .floats([value]), [], name: title)
    case .stopGradient: return operands[0]
    case .convolution(let stride, let padding):
      return convolution(index, operands, stride: stride, padding: padding)
    case .convolutionWithBias(let stride, let padding, let relu):
      let sum = convolution(index, Array(operands[..<3]), stride: stride, padding: padding)
      return finished(sum, residual: operands.dropFirst(3).first, relu: relu, title)
    case .batchNormalizationInference(let epsilon, let relu):
      let normalized = result.add(
        "BatchNormalization", Array(operands[..<5]), ["epsilon": .float(epsilon)], name: title)
      return finished(normalized, residual: operands.dropFirst(5).first, relu: relu, title)
    case .maxPool(let size, let stride, let padding):
      return result.add(
        "MaxPool", operands,
        [
          "kernel_shape": .integers([size, size]), "strides": .integers([stride, stride]),
          "pads": .integers(Array(repeating: padding, count: 4)),
        ], name: title)
    case .globalAveragePool:
      let mean = result.add("GlobalAveragePool", operands, name: title)
      return result.add("Flatten", [mean], ["axis": .integer(1)], name: title + ".rows")
    case .matrixProduct(let transposeFirst, let transposeSecond):
      return result.add(
        "Gemm", operands,
        ["transA": .integer(transposeFirst ? 1 : 0), "transB": .integer(transposeSecond ? 1 : 0)],
        name: title)
    case .concatenateRows:
      return result.add("Concat", operands, ["axis": .integer(0)], name: title)
    case .sliceRows(let first, let count):
      return try rows(first..<first + count, of: node.inputs[0], title)
    case .scale(let factor):
      return withScalar("Mul", operands[0], factor, title)
    case .addScalar(let term):
      return withScalar("Add", operands[0], term, title)
    case .l2Normalize(let epsilon):
      let norm = result.add(
        "ReduceL2", operands, ["axes": .integers([1]), "keepdims": .integer(1)],
        name: title + ".norm")
      let divisor = withScalar("Max", norm, epsilon, title + ".divisor")
      return result.add("Div", [operands[0], divisor], name: title)
    default:
      guard let operation = Self.elementwise[node.operation] else {
        throw .unsupported(operation: node.operation.name)
      }
      return result.add(operation, operands, name: title)
    }
  }

  /// Operations that are one operator without parameters.
  private static let elementwise: [Operation: String] = [
    .relu: "Relu", .add: "Add", .subtract: "Sub", .multiply: "Mul", .divide: "Div",
    .squareRoot: "Sqrt", .exponential: "Exp", .logarithm: "Log", .addBias: "Add",
  ]

  private mutating func convolution(
    _ index: Int, _ operands: [String], stride: Int, padding: Int
  ) -> String {
    let kernel = graph.shape(of: graph.nodes[index].inputs[1])
    return result.add(
      "Conv", operands,
      [
        "kernel_shape": .integers([kernel[2], kernel[3]]),
        "strides": .integers([stride, stride]),
        "pads": .integers(Array(repeating: padding, count: 4)),
      ], name: title(index))
  }

  /// Adds the residual, if there is one, and rectifies if asked.
  private mutating func finished(
    _ value: String, residual: String?, relu: Bool, _ title: String
  ) -> String {
    var value = value
    if let residual {
      value = result.add("Add", [value, residual], name: title + ".sum")
    }
    return relu ? result.add("Relu", [value], name: title + ".relu") : value
  }

  private mutating func withScalar(
    _ operation: String, _ operand: String, _ scalar: Float, _ title: String
  ) -> String {
    let constant = result.add(constant: .floats([scalar]), [], name: title + ".scalar")
    return result.add(operation, [operand, constant], name: title)
  }

  /// Some groups of rows of a value that has pictures along its first axis.
  private mutating func rows(
    _ range: Range<Int>, of value: Graph.Value, _ title: String
  ) throws(ONNXError) -> String {
    guard ofPictures.contains(value.node) else {
      throw .unsupported(operation: "sliceRows of a constant")
    }
    let count = graph.shape(of: value)[0]
    if groups[value] == nil {
      // Without the parts' lengths, `Split` makes equal ones of whatever number of rows there is.
      groups[value] =
        count == 1
        ? [operand(value)]
        : result.add(
          "Split", [operand(value)], ["axis": .integer(0)], name: title,
          results: (0..<count).map { ".\($0)" })
    }
    let parts = Array((groups[value] ?? [])[range])
    return parts.count == 1
      ? parts[0] : result.add("Concat", parts, ["axis": .integer(0)], name: title + ".rows")
  }
}
