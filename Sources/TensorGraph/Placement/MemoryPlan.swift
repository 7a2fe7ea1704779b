/// Where the values of a graph live in one arena.
///
/// A value lives from the node that makes it to its last reader. Values whose lives overlap get disjoint
/// bytes. A result may take over an operand's bytes where the lowering allows it, the operand dies at
/// that node and the sizes agree. The plan is a pure function of its arguments.
public struct MemoryPlan: Sendable, Equatable {
  /// Every offset is a multiple of this, in bytes.
  public static let alignment = 64

  /// The first byte of each value that lives in the arena.
  public private(set) var offsets: [Graph.Value: Int] = [:]
  /// The arena's size.
  public private(set) var byteCount = 0
  /// How many results took over an operand's bytes.
  public private(set) var inPlaceCount = 0

  /// What the planner has to know of one lowering's choices.
  public struct Choices {
    /// The bytes of a value; 0 if it does not live in the arena.
    public var byteCount: (Graph.Value) -> Int
    /// Results of a node that may overwrite an operand: pairs of result and operand numbers.
    public var inPlace: (Int) -> [(result: Int, operand: Int)]
    /// The value whose bytes a value shares for certain, such as the operand of a stopped gradient.
    public var root: (Graph.Value) -> Graph.Value

    /// The choices of one lowering.
    public init(
      byteCount: @escaping (Graph.Value) -> Int,
      inPlace: @escaping (Int) -> [(result: Int, operand: Int)],
      root: @escaping (Graph.Value) -> Graph.Value
    ) {
      self.byteCount = byteCount
      self.inPlace = inPlace
      self.root = root
    }
  }

  /// Plans the arena of a graph.
  public init(_ graph: Graph, _ choices: Choices) {
    var blocks: [Block] = []
    var blockOf: [Graph.Value: Int] = [:]
    let lastUse = Liveness(graph, root: choices.root).lastUse
    for index in graph.nodes.indices {
      let node = graph.nodes[index]
      var taken: Set<Int> = []
      for result in node.shapes.indices {
        let value = Graph.Value(node: index, result: result)
        let size = choices.byteCount(value)
        guard size > 0, choices.root(value) == value else { continue }
        let death = lastUse[value] ?? index
        let taker = choices.inPlace(index).first { pair in
          let operand = choices.root(node.inputs[pair.operand])
          guard pair.result == result, lastUse[operand] == index, let block = blockOf[operand]
          else {
            return false
          }
          return blocks[block].byteCount == size && blocks[block].death == index
            && !taken.contains(block)
        }
        if let taker, let block = blockOf[choices.root(node.inputs[taker.operand])] {
          taken.insert(block)
          blocks[block].death = death
          blockOf[value] = block
          inPlaceCount += 1
        } else {
          blockOf[value] = blocks.count
          blocks.append(Block(byteCount: size, birth: index, death: death))
        }
      }
    }
    byteCount = MemoryPlan.assignOffsets(&blocks)
    offsets = blockOf.mapValues { blocks[$0].offset }
  }

  /// A run of bytes with the life of all the values that pass through it.
  private struct Block {
    var byteCount: Int
    var birth: Int
    var death: Int
    var offset = 0
  }

  /// Largest first, each at the lowest offset free for its whole life; returns the arena's size.
  private static func assignOffsets(_ blocks: inout [Block]) -> Int {
    // Greedy by size (Pisarchyk & Lee 2020, "Efficient Memory Management for Deep Neural Net Inference", arXiv
    // 2001.03288): the large blocks leave gaps that small ones fit into, seldom the other way round.
    let order = blocks.indices.sorted {
      (blocks[$0].byteCount, blocks[$1].birth) > (blocks[$1].byteCount, blocks[$0].birth)
    }
    var assigned: [Int] = []  // In ascending order of offset.
    var arena = 0
    for index in order {
      let block = blocks[index]
      var offset = 0
      for other in assigned
      where blocks[other].birth <= block.death && block.birth <= blocks[other].death {
        // The gap before `other` is large enough, and all that follow have greater offsets.
        if offset + block.byteCount <= blocks[other].offset { break }
        let end = blocks[other].offset + blocks[other].byteCount
        offset = max(offset, (end + alignment - 1) / alignment * alignment)
      }
      blocks[index].offset = offset
      arena = max(arena, offset + block.byteCount)
      let next = assigned.firstIndex { blocks[$0].offset > offset } ?? assigned.count
      assigned.insert(index, at: next)
    }
    return arena
  }
}

/// The last reader of each value.
public struct Liveness: Sendable {
  /// By the value's root. Outputs and assigned values live to the end of the graph.
  public private(set) var lastUse: [Graph.Value: Int] = [:]

  /// The lives of a graph's values, where `root` tells whose bytes a value shares.
  public init(_ graph: Graph, root: (Graph.Value) -> Graph.Value) {
    let readers = graph.readers
    for value in readers.values {
      let last = readers.operands(of: value).last?.node ?? 0
      let use = readers.leavesGraph(value) ? graph.nodes.count : last
      // Values that share bytes live as long as the last of them.
      lastUse[root(value)] = max(use, lastUse[root(value)] ?? use)
    }
  }
}
