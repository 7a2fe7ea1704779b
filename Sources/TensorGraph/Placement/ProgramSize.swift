import Tensors

/// What a program of a graph takes, counted on the graph: nothing is compiled.
///
/// The bytes are those of a lowering that stores feature maps without padding, as the fast one does where channels divide
/// by 16. What kernels need besides while they run is not in it.
public struct ProgramSize: Hashable, Sendable {
  /// Bytes of the arena in which intermediate values live.
  public var arenaByteCount: Int
  /// Bytes of inputs and variables.
  public var leafByteCount: Int
  /// Multiplications of one run, each with its addition.
  public var multiplicationCount: Int

  /// Bytes of everything.
  public var byteCount: Int { arenaByteCount + leafByteCount }

  /// Counts on a graph whose activations are stored in `precision`.
  public init(_ graph: Graph, precision: Precision) {
    let readers = graph.readers
    let roles = Roles(graph, LayoutClasses(graph), readers)
    func byteCount(_ value: Graph.Value) -> Int {
      let type = roles.role(of: value).elementType(activations: precision)
      return graph.shape(of: value).elementCount * type.byteCount
    }
    let plan = MemoryPlan(graph, Aliases(graph, readers: readers), byteCount: byteCount)
    arenaByteCount = plan.byteCount
    leafByteCount = (graph.inputs + graph.variables).reduce(0) {
      $0 + byteCount(Graph.Value(node: $1.node))
    }
    multiplicationCount = graph.multiplicationCount
  }
}
