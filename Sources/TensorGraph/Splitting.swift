import Tensors

/// A graph as two, of which the second reads what the first has computed: so that each can be compiled by its own lowering.
public struct SplitGraph: Sendable, Equatable {
  /// The graph's nodes up to the place of the split.
  public var first: Graph
  /// The others.
  public var second: Graph
  /// The names of the values that go from one to the other: outputs of the first and inputs of the second.
  public var crossings: [String]

  /// A graph in two parts.
  public init(first: Graph, second: Graph, crossings: [String]) {
    (self.first, self.second, self.crossings) = (first, second, crossings)
  }
}

extension Graph {
  /// The graph as two, split before the node `node`: those before it are the first.
  ///
  /// Inputs, variables and constants are in each part that reads them. Outputs keep their names and are in the part that
  /// computes them. The graph must have no assignments.
  public func split(before node: Int) -> SplitGraph {
    precondition(assignments.isEmpty, "A graph with assignments is not split.")
    var (first, second) = (GraphPart(self), GraphPart(self))
    var crossings: [String] = []
    for index in nodes.indices where !nodes[index].inputs.isEmpty {
      guard index >= node else {
        first.add(index)
        continue
      }
      for value in nodes[index].inputs where value.node < node && !isLeaf(value) {
        guard second.mapped[value] == nil else { continue }
        let name = "crossing\(crossings.count + 1)"
        crossings.append(name)
        second.add(input: name, for: value)
        first.graph.outputs.append((name, first.place(of: value)))
      }
      second.add(index)
    }
    for output in outputs {
      if output.value.node < node {
        first.graph.outputs.append((output.name, first.place(of: output.value)))
      } else {
        second.graph.outputs.append((output.name, second.place(of: output.value)))
      }
    }
    return SplitGraph(first: first.graph, second: second.graph, crossings: crossings)
  }

  fileprivate func isLeaf(_ value: Value) -> Bool { nodes[value.node].inputs.isEmpty }
}

/// Some nodes of a graph as a graph of their own.
private struct GraphPart {
  let whole: Graph
  var graph = Graph()
  /// Where the whole's values are in the part.
  private(set) var mapped: [Graph.Value: Graph.Value] = [:]

  init(_ whole: Graph) { self.whole = whole }

  /// Appends a node whose operands are leaves or in the part.
  mutating func add(_ index: Int) {
    var node = whole.nodes[index]
    node.inputs = node.inputs.map { place(of: $0) }
    append(node, for: index)
  }

  /// Appends an input that stands for a value of the whole.
  mutating func add(input name: String, for value: Graph.Value) {
    mapped[value] = Graph.Value(node: graph.nodes.count)
    graph.nodes.append(
      .init(operation: .input(name: name), inputs: [], shapes: [whole.shape(of: value)]))
  }

  /// Where a value is; a leaf that is not there yet is appended.
  mutating func place(of value: Graph.Value) -> Graph.Value {
    if mapped[value] == nil, whole.isLeaf(value) {
      append(whole.nodes[value.node], for: value.node)
    }
    guard let place = mapped[value] else { preconditionFailure("\(value) is in the other part.") }
    return place
  }

  private mutating func append(_ node: Graph.Node, for index: Int) {
    for result in node.shapes.indices {
      mapped[Graph.Value(node: index, result: result)] = Graph.Value(
        node: graph.nodes.count, result: result)
    }
    graph.nodes.append(node)
  }
}
