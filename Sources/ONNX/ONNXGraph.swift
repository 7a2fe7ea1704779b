public import Tensors

/// A computation in ONNX's terms: nodes that read and give values by name, and the constants among the values.
public struct ONNXGraph: Sendable {
  /// What is given to a run.
  public var inputs: [ONNXValue] = []
  /// What a run gives.
  public var outputs: [ONNXValue] = []
  /// The nodes, each behind those whose values it reads.
  public internal(set) var nodes: [ONNXNode] = []
  /// The constants: weights, and parameters that operators take as values.
  public internal(set) var initializers: [ONNXInitializer] = []
  private var names: Set<String> = []

  /// An empty graph.
  public init() {}

  /// Adds a node of one result.
  ///
  /// - Parameters:
  ///   - operation: The operator, such as `Conv`.
  ///   - inputs: The names of its operands.
  ///   - attributes: Its parameters by name.
  ///   - name: The name asked for; a number is added where it is taken.
  /// - Returns: the name of the node and of its result.
  @discardableResult
  public mutating func add(
    _ operation: String, _ inputs: [String], _ attributes: [String: ONNXNode.Attribute] = [:],
    name: String
  ) -> String {
    add(operation, inputs, attributes, name: name, results: [""])[0]
  }

  /// Adds a node of several results, named `name` and a suffix each.
  mutating func add(
    _ operation: String, _ inputs: [String], _ attributes: [String: ONNXNode.Attribute],
    name: String, results suffixes: [String]
  ) -> [String] {
    let unique = unused(name)
    let outputs = suffixes.map { unique + $0 }
    nodes.append(
      ONNXNode(
        operation: operation, name: unique, inputs: inputs, outputs: outputs,
        attributes: attributes))
    return outputs
  }

  /// Adds a constant and returns its name; a number is added where the name is taken.
  public mutating func add(constant values: ONNXInitializer.Values, _ shape: Shape, name: String)
    -> String
  {
    precondition(
      values.count == shape.elementCount,
      "\(name): \(values.count) values for shape \(shape) of \(shape.elementCount) elements.")
    let unique = unused(name)
    initializers.append(ONNXInitializer(name: unique, shape: shape, values: values))
    return unique
  }

  /// Gives the result of a node another name, which must be free.
  mutating func rename(_ name: String, to other: String) {
    precondition(names.insert(other).inserted, "Two values are called \(other).")
    for index in nodes.indices {
      nodes[index].inputs = nodes[index].inputs.map { $0 == name ? other : $0 }
      nodes[index].outputs = nodes[index].outputs.map { $0 == name ? other : $0 }
    }
  }

  private mutating func unused(_ name: String) -> String {
    var unique = name
    var number = 2
    while !names.insert(unique).inserted {
      unique = "\(name)_\(number)"
      number += 1
    }
    return unique
  }
}

/// A node of an ONNX graph.
public struct ONNXNode: Sendable {
  /// A parameter.
  public enum Attribute: Sendable, Hashable {
    /// A number of four bytes.
    case float(Float)
    /// One integer.
    case integer(Int)
    /// Some integers.
    case integers([Int])
  }

  /// The operator, such as `Conv`.
  public var operation: String
  /// Its name, for people.
  public var name: String
  /// The names of the operands.
  public var inputs: [String]
  /// The names of the results.
  public var outputs: [String]
  /// The parameters by name.
  public var attributes: [String: Attribute]
}

/// A constant of an ONNX graph.
public struct ONNXInitializer: Sendable {
  /// The elements, row-major.
  public enum Values: Sendable, Hashable {
    /// 32-bit floating point.
    case floats([Float])
    /// 64-bit integers, which operators take for places and axes.
    case integers([Int])

    var count: Int {
      switch self {
      case .floats(let values): values.count
      case .integers(let values): values.count
      }
    }
  }

  /// The name that nodes read it by.
  public var name: String
  /// The shape; `[]` for one number.
  public var shape: Shape
  /// `shape.elementCount` elements.
  public var values: Values
}

/// An input or an output of an ONNX graph.
public struct ONNXValue: Sendable {
  /// A type of elements, by its number in the format.
  public enum Element: Int, Sendable {
    case float32 = 1
    case uint8 = 2
    case int64 = 7
  }

  /// Elements along an axis.
  public enum Dimension: Sendable, Hashable {
    /// Always as many.
    case fixed(Int)
    /// As many as a run brings; the same name is the same number.
    case named(String)
  }

  /// The name.
  public var name: String
  /// The type of its elements.
  public var element: Element
  /// The shape, outermost axis first.
  public var shape: [Dimension]
  /// What it is, for people.
  public var documentation: String

  /// An input or an output.
  public init(
    name: String, element: Element, shape: [Dimension], documentation: String
  ) {
    self.name = name
    self.element = element
    self.shape = shape
    self.documentation = documentation
  }
}
