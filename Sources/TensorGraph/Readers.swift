extension Graph {
  /// The readers of each value of a graph: nodes, outputs and assignments. The index is valid for the graph that it was
  /// made from.
  public struct Readers: Sendable {
    /// One operand of one node.
    public struct Operand: Hashable, Sendable {
      /// The node that reads.
      public var node: Int
      /// Which of its operands.
      public var number: Int

      /// An operand of a node.
      public init(node: Int, number: Int) {
        self.node = node
        self.number = number
      }
    }

    private struct Uses {
      var operands: [Operand] = []
      var outputs: [String] = []
      var assignments: [Int] = []
    }
    private var uses: [Value: Uses] = [:]

    init(_ graph: Graph) {
      for (index, node) in graph.nodes.enumerated() {
        for (number, value) in node.inputs.enumerated() {
          uses[value, default: Uses()].operands.append(Operand(node: index, number: number))
        }
      }
      for output in graph.outputs {
        uses[output.value, default: Uses()].outputs.append(output.name)
      }
      for assignment in graph.assignments {
        uses[assignment.value, default: Uses()].assignments.append(assignment.variable)
      }
    }

    /// The operands of nodes that are the value, in the order of the nodes and of their operands; a node that reads it twice is
    /// there twice.
    public func operands(of value: Value) -> [Operand] { uses[value]?.operands ?? [] }

    /// The nodes that read the value, each once, in their order.
    public func nodes(of value: Value) -> [Int] {
      operands(of: value).reduce(into: []) { nodes, operand in
        if nodes.last != operand.node { nodes.append(operand.node) }
      }
    }

    /// The names under which the host reads the value.
    public func outputs(of value: Value) -> [String] { uses[value]?.outputs ?? [] }

    /// The nodes of the variables that become the value.
    public func assignments(of value: Value) -> [Int] { uses[value]?.assignments ?? [] }

    /// Whether the value leaves the graph: as an output, or as a variable's next value.
    public func leavesGraph(_ value: Value) -> Bool {
      !outputs(of: value).isEmpty || !assignments(of: value).isEmpty
    }

    /// Every value that is read or leaves the graph, in no order.
    public var values: some Sequence<Value> { uses.keys }
  }

  /// The readers of each value. The index is computed at each call, in time proportional to the graph: keep it.
  public var readers: Readers { Readers(self) }
}
