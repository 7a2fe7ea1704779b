import CKernels
import COneDNN
import TensorGraph
import Tensors

// MARK: Memory

extension Compilation {
  /// Decides which assigned values live in their variable's own bytes, then plans the arena.
  mutating func planMemory() throws(LoweringError) {
    chooseHeirs()
    var byteCounts: [Graph.Value: Int] = [:]
    for (index, node) in graph.nodes.enumerated() {
      for result in node.shapes.indices {
        let value = Graph.Value(node: index, result: result)
        byteCounts[value] = isInArena(value) ? try description(of: value).byteCount : 0
      }
    }
    let (graph, isRead) = (graph, isRead)
    let plan = MemoryPlan(
      graph,
      .init(
        byteCount: { byteCounts[$0] ?? 0 },
        inPlace: { Compilation.inPlace($0, graph, isRead: isRead) },
        root: { Compilation.root($0, graph) }))
    guard plan.byteCount <= lowering.memoryLimitByteCount else {
      throw .outOfMemory(
        neededByteCount: plan.byteCount, limitByteCount: lowering.memoryLimitByteCount)
    }
    self.plan = plan
  }

  private func isInArena(_ value: Graph.Value) -> Bool {
    guard root(value) == value, heirs[value] == nil else { return false }
    switch graph.nodes[value.node].operation {
    case .input, .variable: return false
    case .batchNormalizationGradient where value.result == 3: return isRead(value)
    default: return true
    }
  }

  /// Results that may overwrite an operand that dies, in order of preference.
  static func inPlace(_ node: Int, _ graph: Graph, isRead: (Graph.Value) -> Bool) -> [(
    result: Int, operand: Int
  )] {
    switch graph.nodes[node].operation {
    case .batchNormalization: [(0, 0)] + (graph.nodes[node].inputs.count == 4 ? [(0, 3)] : [])
    case .convolutionWithBias: graph.nodes[node].inputs.count == 4 ? [(0, 3)] : []
    case .batchNormalizationInference:
      [(0, 0)] + (graph.nodes[node].inputs.count == 6 ? [(0, 5)] : [])
    case .batchNormalizationGradient:
      isRead(.init(node: node, result: 3)) ? [(0, 1), (3, 0), (3, 2)] : [(0, 0), (0, 1), (0, 2)]
    case .relu, .scale, .addScalar, .squareRoot, .exponential, .logarithm, .addBias, .interpolate,
      .runningAverage, .l2Normalize, .zeroDiagonal:
      [(0, 0)]
    case .add, .subtract, .multiply, .divide, .reluGradient, .l2NormalizeGradient: [(0, 0), (0, 1)]
    case .logSumExpOfRowsGradient: [(0, 1)]
    case .optimizerUpdate: graph.nodes[node].shapes.indices.map { ($0, $0) }
    default: []
    }
  }

  /// An assigned value takes over its variable's bytes if nobody reads the old value after it is made.
  private mutating func chooseHeirs() {
    // Stopped gradients share their operand's bytes: who reads those reads the variable.
    var operands: [Graph.Value: [Graph.Readers.Operand]] = [:]
    for value in readers.values {
      operands[root(value), default: []] += readers.operands(of: value)
    }
    for assignment in graph.assignments {
      let value = root(assignment.value)
      let variable = Graph.Value(node: assignment.variable)
      let safe = Compilation.inPlace(value.node, graph, isRead: isRead)
        .filter { $0.result == value.result }.map(\.operand)
      let before = (operands[variable] ?? []).allSatisfy {
        $0.node < value.node || $0.node == value.node && safe.contains($0.number)
      }
      let leaves = graph.outputs.contains { root($0.value) == variable }
      if before, !leaves, heirs[value] == nil, !isLeaf(value) {
        heirs[value] = assignment.variable
      }
    }
  }

  private func isLeaf(_ value: Graph.Value) -> Bool { graph.nodes[value.node].inputs.isEmpty }

  /// Allocates the arena, the leaves' own bytes, the scratchpad and the workspace.
  mutating func allocate() throws(LoweringError) {
    memory.arena = memory.add(plan?.byteCount ?? 0)
    for leaf in graph.inputs + graph.variables {
      memory.leaves[leaf.node] = memory.add(
        try description(of: .init(node: leaf.node)).byteCount)
    }
    let channels = graph.nodes.flatMap(\.shapes).map { $0.rank > 1 ? $0[1] : 1 }.max() ?? 1
    let reductions = ck_workspace_bytes(Int64(channels), Int32(lowering.threads.count))
    memory.workspace = memory.add(max(Int(reductions), ownWorkspaceByteCount))
    memory.scratch = memory.add(kernels.values.map(\.scratchByteCount).max() ?? 0)
  }

  /// The first byte of a value.
  func address(_ value: Graph.Value) -> UnsafeMutableRawPointer {
    let value = root(value)
    if let variable = heirs[value] { return unsafe memory.leafAddress(variable) }
    switch graph.nodes[value.node].operation {
    case .input, .variable: return unsafe memory.leafAddress(value.node)
    default:
      guard let offset = plan?.offsets[value] else {
        preconditionFailure("\(value) has no place in the arena.")
      }
      return unsafe memory.base(memory.arena) + offset
    }
  }
}

/// All memory of a program. Nothing is added after compilation.
struct ProgramMemory {
  /// A buffer that several owners may hold.
  final class Block {
    let buffer: Buffer
    init(byteCount: Int) { buffer = Buffer(byteCount: byteCount) }
  }

  private(set) var blocks: [Block] = []
  var arena = 0
  var scratch = 0
  var workspace = 0
  /// The block of each input and variable, by node.
  var leaves: [Int: Int] = [:]
  /// Copies of values in a kernel's layout.
  var copies: [Copy] = []
  /// The blocks of weights packed for our own kernels.
  var packed: [PackedWeights: Int] = [:]

  /// A value in another layout than its own.
  struct Copy {
    var value: Graph.Value
    var layout: MemoryDescription
    var block: Int
  }

  /// Allocates a block and returns its number.
  mutating func add(_ byteCount: Int) -> Int {
    blocks.append(Block(byteCount: byteCount))
    return blocks.count - 1
  }

  func base(_ block: Int) -> UnsafeMutableRawPointer { unsafe blocks[block].buffer.pointer }

  func leafAddress(_ node: Int) -> UnsafeMutableRawPointer {
    guard let block = leaves[node] else { preconditionFailure("%\(node) is not a leaf.") }
    return unsafe base(block)
  }

  /// All bytes.
  var byteCount: Int { blocks.reduce(0) { $0 + $1.buffer.byteCount } }
}
