import CKernels
import TensorGraph
import Tensors

/// Where something begins in the memory of a program. It is safe to hold; reading and writing there is not.
@safe
struct Address: Equatable {
  let base: UnsafeMutableRawPointer

  /// The same byte as the first of float32 numbers.
  var floats: UnsafeMutablePointer<Float> { unsafe base.assumingMemoryBound(to: Float.self) }

  init(_ base: UnsafeMutableRawPointer) { unsafe self.base = base }

  static func == (left: Address, right: Address) -> Bool { unsafe left.base == right.base }

  static func + (start: Address, byteCount: Int) -> Address {
    unsafe Address(start.base + byteCount)
  }
}

/// All memory of a program. Nothing is added after compilation.
struct ProgramMemory {
  /// A buffer that several owners may hold.
  private final class Block {
    let buffer: Buffer
    init(byteCount: Int) { buffer = Buffer(byteCount: byteCount) }
  }

  private var blocks: [Block] = []
  private let aliases: Aliases
  private let plan: MemoryPlan
  private let arena: Int
  private let scratchpad: Int
  private let workspace: Int
  /// The block of each input and variable, by node.
  private let leaves: [Int: Int]

  /// Allocates the arena, the leaves' own bytes, oneDNN's scratchpad and the workspace of the hand-written kernels, each as
  /// large as the most demanding kernel needs.
  init(
    _ graph: Graph, _ layouts: Layouts, _ aliases: Aliases, _ plan: MemoryPlan,
    threads: ThreadBudget
  ) throws(LoweringError) {
    (self.aliases, self.plan) = (aliases, plan)
    let channels = graph.nodes.flatMap(\.shapes).map { $0.rank > 1 ? $0[1] : 1 }.max() ?? 1
    var workspaceByteCount = Int(ck_workspace_bytes(Int64(channels), Int32(threads.count)))
    var scratchByteCount = 0
    for (index, kernel) in layouts.kernels {
      switch kernel {
      case .oneDNN(let kernel): scratchByteCount = max(scratchByteCount, kernel.scratchByteCount)
      case .handWritten(let kernel):
        guard let convolution = Convolution(graph, index) else { continue }
        workspaceByteCount = max(
          workspaceByteCount,
          kernel.workspaceByteCount(
            convolution.result, convolution.geometry, threads: threads))
      }
    }
    var blocks: [Block] = []
    func allocate(_ byteCount: Int) -> Int {
      blocks.append(Block(byteCount: byteCount))
      return blocks.count - 1
    }
    arena = allocate(plan.byteCount)
    var leaves: [Int: Int] = [:]
    for leaf in graph.inputs + graph.variables {
      leaves[leaf.node] = allocate(try layouts.description(of: .init(node: leaf.node)).byteCount)
    }
    self.leaves = leaves
    workspace = allocate(workspaceByteCount)
    scratchpad = allocate(scratchByteCount)
    self.blocks = blocks
  }

  /// Allocates one more block and returns its number.
  mutating func allocate(_ byteCount: Int) -> Int {
    blocks.append(Block(byteCount: byteCount))
    return blocks.count - 1
  }

  /// The first byte of a value.
  func address(of value: Graph.Value) -> Address {
    let value = aliases.root(value)
    if let block = leaves[aliases.donors[value] ?? value.node] { return base(block) }
    guard let offset = plan.offsets[value] else {
      preconditionFailure("\(value) has no bytes in the arena.")
    }
    return base(arena) + offset
  }

  /// What oneDNN's kernels, and the hand-written ones, may write while they run.
  var scratchpadAddress: Address { base(scratchpad) }
  var workspaceAddress: Address { base(workspace) }

  /// The first byte of a block.
  func base(_ block: Int) -> Address { unsafe Address(blocks[block].buffer.pointer) }

  /// All bytes.
  var byteCount: Int { blocks.reduce(0) { $0 + $1.buffer.byteCount } }
}
