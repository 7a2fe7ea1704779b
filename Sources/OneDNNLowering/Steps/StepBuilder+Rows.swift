import CKernels
import TensorGraph
import Tensors

// MARK: Rows of matrices

extension StepBuilder {
  /// The rows and columns of a matrix, or the elements of a vector as rows of one column.
  private func extents(_ value: Graph.Value) -> (rows: Int64, columns: Int64) {
    let shape = graph.shape(of: value)
    return (Int64(shape.rank > 0 ? shape[0] : 1), Int64(shape.rank > 1 ? shape[1] : 1))
  }

  private func operand(_ index: Int, _ number: Int = 0) -> Address {
    floats(graph.nodes[index].inputs[number])
  }

  func addBias(_ index: Int) throws(LoweringError) -> [Step] {
    let (rows, columns) = extents(graph.nodes[index].inputs[0])
    let (x, bias, y) = (operand(index), operand(index, 1), result(index))
    return try step(index) { unsafe ck_add_bias(rows, columns, x.floats, bias.floats, y.floats) }
  }

  func sumRows(_ index: Int) throws(LoweringError) -> [Step] {
    let (rows, columns) = extents(graph.nodes[index].inputs[0])
    let (x, y) = (operand(index), result(index))
    return try step(index) { unsafe ck_sum_rows(rows, columns, x.floats, y.floats) }
  }

  func sumColumns(_ index: Int) throws(LoweringError) -> [Step] {
    let (rows, columns) = extents(graph.nodes[index].inputs[0])
    let (x, y) = (operand(index), result(index))
    return try step(index) { unsafe ck_sum_columns(rows, columns, x.floats, y.floats) }
  }

  func repeatColumns(_ index: Int, _ count: Int) throws(LoweringError) -> [Step] {
    let (rows, columns) = (extents(graph.nodes[index].inputs[0]).rows, Int64(count))
    let (x, y) = (operand(index), result(index))
    return try step(index) { unsafe ck_repeat_columns(rows, columns, x.floats, y.floats) }
  }

  func repeatRows(_ index: Int) throws(LoweringError) -> [Step] {
    let (rows, columns) = extents(.init(node: index))
    let (x, y) = (operand(index), result(index))
    return try step(index) { unsafe ck_repeat_rows(rows, columns, x.floats, y.floats) }
  }

  func zeroDiagonal(_ index: Int) throws(LoweringError) -> [Step] {
    let rows = extents(.init(node: index)).rows
    let (x, y) = (operand(index), result(index))
    return try step(index) { unsafe ck_zero_diagonal(rows, x.floats, y.floats) }
  }

  func logSumExp(_ index: Int, _ excludingDiagonal: Bool) throws(LoweringError) -> [Step] {
    let (rows, columns) = extents(graph.nodes[index].inputs[0])
    let (x, y) = (operand(index), result(index))
    return try step(index) {
      unsafe ck_log_sum_exp(rows, columns, excludingDiagonal, x.floats, y.floats)
    }
  }

  func logSumExpGradient(_ index: Int, _ excludingDiagonal: Bool) throws(LoweringError)
    -> [Step]
  {
    let (rows, columns) = extents(.init(node: index))
    let (dy, x, y) = (operand(index), operand(index, 1), operand(index, 2))
    let dx = result(index)
    return try step(index) {
      unsafe ck_log_sum_exp_gradient(
        rows, columns, excludingDiagonal, dy.floats, x.floats, y.floats, dx.floats)
    }
  }

  func l2Normalize(_ index: Int, _ epsilon: Float) throws(LoweringError) -> [Step] {
    let (rows, columns) = extents(graph.nodes[index].inputs[0])
    let (x, y) = (operand(index), result(index))
    return try step(index) { unsafe ck_l2_normalize(rows, columns, epsilon, x.floats, y.floats) }
  }

  func l2NormalizeGradient(_ index: Int, _ epsilon: Float) throws(LoweringError) -> [Step] {
    let (rows, columns) = extents(graph.nodes[index].inputs[0])
    let (dy, x, dx) = (operand(index), operand(index, 1), result(index))
    return try step(index) {
      unsafe ck_l2_normalize_gradient(rows, columns, epsilon, dy.floats, x.floats, dx.floats)
    }
  }
}

// MARK: Copies of rows, of any rank

extension StepBuilder {
  /// A run of rows that is copied from one value to another.
  private struct RowCopy {
    var operand: Graph.Value
    /// The first row that is read, and the one that it becomes.
    var source = 0
    var target = 0
    var count: Int
  }

  mutating func sliceRows(_ index: Int, _ first: Int, _ count: Int) throws(LoweringError) -> [Step]
  {
    let operand = graph.nodes[index].inputs[0]
    return try copy([RowCopy(operand: operand, source: first, count: count)], to: index)
  }

  mutating func concatenateRows(_ index: Int) throws(LoweringError) -> [Step] {
    var target = 0
    let copies = graph.nodes[index].inputs.map { operand in
      let count = graph.shape(of: operand)[0]
      defer { target += count }
      return RowCopy(operand: operand, target: target, count: count)
    }
    return try copy(copies, to: index)
  }

  mutating func placeRows(_ index: Int, _ first: Int) throws(LoweringError) -> [Step] {
    let operand = graph.nodes[index].inputs[0]
    let result = Graph.Value(node: index)
    let to = address(result)
    let byteCount = try layouts.description(of: result).byteCount
    let zeros = try step(index, kernel: "zeros") {
      unsafe to.base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    }
    let count = graph.shape(of: operand)[0]
    return zeros + (try copy([RowCopy(operand: operand, target: first, count: count)], to: index))
  }

  /// In every layout but a kernel's own the first axis is the outermost, so a run of rows is contiguous.
  private mutating func copy(_ copies: [RowCopy], to index: Int) throws(LoweringError) -> [Step] {
    let result = Graph.Value(node: index)
    var steps: [Step] = []
    for copy in copies {
      let source = try rows(of: copy.operand, from: copy.source, count: copy.count)
      let target = try rows(of: result, from: copy.target, count: copy.count)
      let (from, to) = (
        address(copy.operand) + source.offset, address(result) + target.offset
      )
      if source.layout == target.layout {
        let byteCount = source.layout.byteCount
        steps += try step(index) {
          unsafe to.base.copyMemory(from: from.base, byteCount: byteCount)
        }
      } else {
        steps.append(
          try reorder(index, from: (source.layout, from), to: (target.layout, to)))
      }
    }
    return steps
  }

  /// Where `count` rows of a value begin, in bytes, and their layout.
  private func rows(of value: Graph.Value, from row: Int, count: Int) throws(LoweringError) -> (
    offset: Int, layout: MemoryDescription
  ) {
    let (storage, shape) = (layouts.storage(of: value), graph.shape(of: value))
    if case .kernel = storage {
      throw .unsupported("rows of \(shape), which is stored in the layout of a kernel of oneDNN")
    }
    let layout = try storage.description(of: Shape([count] + shape.dimensions.dropFirst()))
    return (try layouts.description(of: value).byteCount / shape[0] * row, layout)
  }
}
