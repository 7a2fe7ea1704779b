public import Tensors

/// A recorded computation: nodes in an order in which each reads only earlier ones.
///
/// The graph is data. Nothing here computes; a ``Lowering`` does.
public struct Graph: Sendable, Equatable {
  /// One result of one node.
  public struct Value: Hashable, Sendable {
    /// The node's index in `nodes`.
    public var node: Int
    /// Which of its results.
    public var result: Int

    /// A result of a node.
    public init(node: Int, result: Int = 0) {
      self.node = node
      self.result = result
    }
  }

  /// An operation with its operands and the shapes of its results.
  public struct Node: Sendable, Equatable {
    /// What is computed.
    public var operation: Operation
    /// The operands.
    public var inputs: [Value]
    /// The shape of each result.
    public var shapes: [Shape]
  }

  /// A variable's new value, written when the run has ended.
  public struct Assignment: Sendable, Equatable {
    /// The node of the variable.
    public var variable: Int
    /// Its next value.
    public var value: Value
  }

  /// The nodes, operands before their readers.
  public internal(set) var nodes: [Node] = []
  /// What the variables become. All read the old values: the order does not matter.
  public internal(set) var assignments: [Assignment] = []
  /// What the host reads after a run, by name.
  public internal(set) var outputs: [(name: String, value: Value)] = []

  /// An empty graph.
  public init() {}

  /// The shape of a value.
  public func shape(of value: Value) -> Shape { nodes[value.node].shapes[value.result] }

  /// The variables' nodes by name.
  public var variables: [(name: String, node: Int)] {
    nodes.indices.compactMap { index in
      if case .variable(let name) = nodes[index].operation { (name, index) } else { nil }
    }
  }

  /// The inputs' nodes by name.
  public var inputs: [(name: String, node: Int)] {
    nodes.indices.compactMap { index in
      if case .input(let name) = nodes[index].operation { (name, index) } else { nil }
    }
  }

  /// Equal nodes, assignments and outputs.
  public static func == (left: Graph, right: Graph) -> Bool {
    left.nodes == right.nodes && left.assignments == right.assignments
      && left.outputs.elementsEqual(right.outputs) { $0.name == $1.name && $0.value == $1.value }
  }
}

extension Graph: CustomStringConvertible {
  /// One line per node: `%7 = relu %6 : [2, 3, 4, 4]`, then the assignments and outputs.
  public var description: String {
    var lines: [String] = []
    for (index, node) in nodes.enumerated() {
      let operands = node.inputs.map(name(of:)).joined(separator: ", ")
      let shapes = node.shapes.map(\.description).joined(separator: " ")
      let arguments = operands.isEmpty ? "" : " " + operands
      lines.append("%\(index) = \(node.operation)\(arguments) : \(shapes)")
    }
    for assignment in assignments {
      lines.append("%\(assignment.variable) <- \(name(of: assignment.value))")
    }
    for output in outputs { lines.append("output \(output.name) = \(name(of: output.value))") }
    return lines.joined(separator: "\n")
  }

  private func name(of value: Value) -> String {
    value.result == 0 ? "%\(value.node)" : "%\(value.node).\(value.result)"
  }
}
