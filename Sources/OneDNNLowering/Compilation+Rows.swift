import CKernels
import TensorGraph
import Tensors

// MARK: Rows of matrices and of batches

extension Compilation {
  /// Operations on a float32 matrix that treat each row, or the diagonal, in its own way.
  mutating func appendMatrix(_ index: Int) throws(LoweringError) {
    let node = graph.nodes[index]
    let result = Graph.Value(node: index)
    let (first, y) = unsafe (floats(node.inputs[0]), floats(result))
    switch node.operation {
    case .repeatRows:
      let (rows, columns) = (Int64(node.shapes[0][0]), Int64(node.shapes[0][1]))
      try append(index) { unsafe ck_repeat_rows(rows, columns, first, y) }
    case .zeroDiagonal:
      let rows = Int64(node.shapes[0][0])
      try append(index) { unsafe ck_zero_diagonal(rows, first, y) }
    case .logSumExpOfRows(let excludingDiagonal):
      let shape = graph.shape(of: node.inputs[0])
      let (rows, columns) = (Int64(shape[0]), Int64(shape[1]))
      let excluding = excludingDiagonal
      try append(index) { unsafe ck_log_sum_exp(rows, columns, excluding, first, y) }
    case .logSumExpOfRowsGradient(let excludingDiagonal):
      let (rows, columns) = (Int64(node.shapes[0][0]), Int64(node.shapes[0][1]))
      let excluding = excludingDiagonal
      let (x, sums) = unsafe (floats(node.inputs[1]), floats(node.inputs[2]))
      try append(index) {
        unsafe ck_log_sum_exp_gradient(rows, columns, excluding, first, x, sums, y)
      }
    default: preconditionFailure("Not an operation on a matrix.")
    }
  }

  /// A run of rows on its way from one value to another.
  private struct RowCopy {
    var operand: Graph.Value
    /// The first row that is read, and the one it becomes.
    var source: Int
    var target: Int
    var count: Int
  }

  private func rowCopies(_ node: Graph.Node) -> [RowCopy] {
    switch node.operation {
    case .sliceRows(let first, let count):
      return [RowCopy(operand: node.inputs[0], source: first, target: 0, count: count)]
    case .placeRows(let first, _):
      let count = graph.shape(of: node.inputs[0])[0]
      return [RowCopy(operand: node.inputs[0], source: 0, target: first, count: count)]
    default:
      var target = 0
      return node.inputs.map { operand in
        let count = graph.shape(of: operand)[0]
        defer { target += count }
        return RowCopy(operand: operand, source: 0, target: target, count: count)
      }
    }
  }

  /// Binds copies of rows. In every layout but a kernel's own, the first axis is the outermost: rows lie together.
  mutating func appendRowCopies(_ index: Int) throws(LoweringError) {
    let node = graph.nodes[index]
    let result = Graph.Value(node: index)
    let to = unsafe address(result)
    if case .placeRows = node.operation {
      let byteCount = try description(of: result).byteCount
      try append(index, kernel: "zeros") {
        unsafe to.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
      }
    }
    for copy in rowCopies(node) {
      let from = unsafe address(copy.operand)
      let source = try piece(of: copy.operand, from: copy.source, count: copy.count)
      let target = try piece(of: result, from: copy.target, count: copy.count)
      let (start, end) = unsafe (from + source.offset, to + target.offset)
      if source.layout == target.layout {
        let byteCount = source.layout.byteCount
        try append(index) { unsafe end.copyMemory(from: start, byteCount: byteCount) }
      } else {
        try unsafe appendReorder(index, from: (source.layout, start), to: (target.layout, end))
      }
    }
  }

  /// Where `count` rows of a value begin, in bytes, and how they lie.
  private func piece(of value: Graph.Value, from row: Int, count: Int) throws(LoweringError) -> (
    offset: Int, layout: MemoryDescription
  ) {
    let (storage, shape) = (storage(of: value), graph.shape(of: value))
    if case .kernel = storage {
      throw .unsupported("rows of \(shape), which lie in the layout of a kernel of oneDNN")
    }
    let layout = try storage.description(of: Shape([count] + shape.dimensions.dropFirst()))
    return (try description(of: value).byteCount / shape[0] * row, layout)
  }
}
