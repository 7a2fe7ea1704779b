import CKernels
import COneDNN
import TensorGraph
import Tensors

/// The state of one compilation. Its stages run in the order of its files:
/// layouts and kernels, memory, steps.
struct Compilation {
  let graph: Graph
  let lowering: OneDNNLowering
  let engine: Engine
  let classes: LayoutClasses
  let liveness: Liveness
  let readers: Graph.Readers
  /// The type in which activations of rank 4 are stored.
  let activationType: ck_type

  /// The layout of each class of rank-4 values, by its representative.
  var storages: [Graph.Value: Storage] = [:]
  /// The kernel of each convolution or gradient of one, by node.
  var kernels: [Int: PrimitiveDescription] = [:]
  /// The convolutions and gradients of ones that our own kernels compute, by node.
  var own: [Int: OwnConvolution] = [:]
  /// Variables whose bytes an assigned value takes over, by that value's root.
  var heirs: [Graph.Value: Int] = [:]

  var plan: MemoryPlan?
  var memory = ProgramMemory()
  var steps: [Step] = []
  /// What is made of variables that only the host changes.
  var preparations: [Step] = []

  init(_ graph: Graph, _ lowering: OneDNNLowering) throws(LoweringError) {
    self.graph = graph
    self.lowering = lowering
    engine = try Engine()
    classes = LayoutClasses(graph)
    readers = graph.readers
    liveness = Liveness(graph, root: { Compilation.root($0, graph) })
    activationType = lowering.precision == .bfloat16 ? ck_bfloat16 : ck_float32
  }

  /// Runs all stages.
  mutating func program() throws(LoweringError) -> OneDNNProgram {
    try chooseLayouts()
    try planMemory()
    try allocate()
    for node in graph.nodes.indices { try appendSteps(for: node) }
    try appendAssignments()
    return OneDNNProgram(
      graph: graph, engine: engine, threads: lowering.threads, arena: plan ?? emptyPlan,
      memory: memory, preparations: preparations, steps: steps, leaves: try leafPlaces(),
      outputs: try outputPlaces())
  }

  /// The value whose bytes `value` shares: the operand of stopped gradients, else itself.
  static func root(_ value: Graph.Value, _ graph: Graph) -> Graph.Value {
    var value = value
    while graph.nodes[value.node].operation == .stopGradient {
      value = graph.nodes[value.node].inputs[0]
    }
    return value
  }

  func root(_ value: Graph.Value) -> Graph.Value { Compilation.root(value, graph) }

  /// The layout of a value.
  func storage(of value: Graph.Value) -> Storage {
    guard graph.shape(of: value).rank == 4 else { return .plain }
    return storages[classes.representative(value)] ?? .plain
  }

  func description(of value: Graph.Value) throws(LoweringError) -> MemoryDescription {
    try storage(of: value).description(of: graph.shape(of: value))
  }

  /// Whether anything reads the value or it leaves the graph.
  func isRead(_ value: Graph.Value) -> Bool { liveness.lastUse[root(value)] != nil }

  private var emptyPlan: MemoryPlan {
    MemoryPlan(Graph(), .init(byteCount: { _ in 0 }, inPlace: { _ in [] }, root: { $0 }))
  }
}
