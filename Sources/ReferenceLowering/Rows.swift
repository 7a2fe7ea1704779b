import Glibc
import Tensors

func zeroDiagonal(_ x: Operand) -> [Double] {
  x.values.indices.map { $0 / x.shape[1] == $0 % x.shape[1] ? 0 : x.values[$0] }
}

/// `log Σⱼ exp(xᵢⱼ)` of each row: the greatest element is taken out of the sum, so that nothing overflows.
func logSumExpOfRows(_ x: Operand, _ excludingDiagonal: Bool) -> [Double] {
  (0..<x.shape[0]).map { row in
    let columns = (0..<x.shape[1]).filter { !excludingDiagonal || $0 != row }
    let values = columns.map { x.values[row * x.shape[1] + $0] }
    let greatest = values.reduce(-.infinity, max)
    return greatest + log(values.reduce(0) { $0 + exp($1 - greatest) })
  }
}

/// Operands `dy, x, y`: `dyᵢ·exp(xᵢⱼ − yᵢ)`.
func logSumExpOfRowsGradient(_ operands: [Operand], _ excludingDiagonal: Bool) -> [Double] {
  let (dy, x, y) = (operands[0].values, operands[1], operands[2].values)
  return x.values.indices.map { index in
    let (row, column) = (index / x.shape[1], index % x.shape[1])
    if excludingDiagonal, row == column { return 0 }
    return dy[row] * exp(x.values[index] - y[row])
  }
}

func placeRows(_ x: Operand, first: Int, of rows: Int) -> [Double] {
  let row = x.values.count / x.shape[0]
  func zeros(_ count: Int) -> [Double] { .init(repeating: 0, count: count * row) }
  return zeros(first) + x.values + zeros(rows - first - x.shape[0])
}
