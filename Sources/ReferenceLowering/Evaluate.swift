import Glibc
import TensorGraph
import Tensors

/// The results of one operation, one array per result.
func evaluate(_ operation: Operation, _ operands: [Operand], _ shapes: [Shape]) -> [[Double]] {
  func unary(_ body: (Double) -> Double) -> [[Double]] { [operands[0].values.map(body)] }
  func binary(_ body: (Double, Double) -> Double) -> [[Double]] {
    [zip(operands[0].values, operands[1].values).map(body)]
  }
  switch operation {
  case .input, .variable: preconditionFailure("Leaves hold values; they are not evaluated.")
  case .constant(let value): return [[Double(value)]]

  case .convolution(let stride, let padding):
    var y = shapes[0].zeros
    forEachProduct(operands[0].shape, operands[1], y, stride, padding) { x, w, out in
      y.values[out] += operands[0].values[x] * operands[1].values[w]
    }
    return [y.values]
  case .convolutionInputGradient(let stride, let padding, let input):
    var dx = input.zeros
    forEachProduct(input, operands[1], operands[0], stride, padding) { x, w, out in
      dx.values[x] += operands[0].values[out] * operands[1].values[w]
    }
    return [dx.values]
  case .convolutionWeightGradient(let stride, let padding, let weight):
    var dw = weight.zeros
    forEachProduct(operands[1].shape, dw, operands[0], stride, padding) { x, w, out in
      dw.values[w] += operands[0].values[out] * operands[1].values[x]
    }
    return [dw.values]

  case .convolutionWithBias(let stride, let padding, let relu):
    var y = shapes[0].zeros
    forEachProduct(operands[0].shape, operands[1], y, stride, padding) { x, w, out in
      y.values[out] += operands[0].values[x] * operands[1].values[w]
    }
    for index in y.values.indices {
      y.values[index] += operands[2].values[channel(index, y)]
      if operands.count == 4 { y.values[index] += operands[3].values[index] }
      if relu { y.values[index] = max(y.values[index], 0) }
    }
    return [y.values]

  case .batchNormalization(let epsilon, let relu):
    return batchNormalization(operands, epsilon: Double(epsilon), relu: relu)
  case .batchNormalizationGradient(let epsilon, let relu):
    return batchNormalizationGradient(operands, epsilon: Double(epsilon), relu: relu)
  case .batchNormalizationInference(let epsilon, let relu):
    let residual = operands.count == 6 ? operands[5] : nil
    return [
      normalize(
        operands[0], scale: operands[1].values, offset: operands[2].values,
        mean: operands[3].values, variance: operands[4].values, residual: residual,
        epsilon: Double(epsilon), relu: relu)
    ]

  case .maxPool(let size, let stride, let padding):
    var y = shapes[0].zeros
    forEachWindowMaximum(operands[0], y, size, stride, padding) { x, out in
      y.values[out] = operands[0].values[x]
    }
    return [y.values]
  case .maxPoolGradient(let size, let stride, let padding):
    var dx = shapes[0].zeros
    forEachWindowMaximum(operands[1], operands[0], size, stride, padding) { x, out in
      dx.values[x] += operands[0].values[out]
    }
    return [dx.values]
  case .globalAveragePool:
    let pixels = operands[0].channelStride
    return [
      shapes[0].indices.map { map in
        operands[0].values[map * pixels..<(map + 1) * pixels].reduce(0, +) / Double(pixels)
      }
    ]
  case .globalAveragePoolGradient(let input):
    let pixels = input[2] * input[3]
    return [shapes[0].indices.map { operands[0].values[$0 / pixels] / Double(pixels) }]

  case .matrixProduct(let transposeFirst, let transposeSecond):
    return [matrixProduct(operands[0], transposeFirst, operands[1], transposeSecond, shapes[0])]
  case .addBias:
    let columns = shapes[0][1]
    return [shapes[0].indices.map { operands[0].values[$0] + operands[1].values[$0 % columns] }]
  case .sumRows:
    var sums = [Double](repeating: 0, count: shapes[0][0])
    for (index, value) in operands[0].values.enumerated() { sums[index % sums.count] += value }
    return [sums]
  case .sumColumns:
    var sums = [Double](repeating: 0, count: shapes[0][0])
    let columns = operands[0].shape[1]
    for (index, value) in operands[0].values.enumerated() { sums[index / columns] += value }
    return [sums]
  case .repeatColumns(let columns):
    return [shapes[0].indices.map { operands[0].values[$0 / columns] }]

  case .repeatRows:
    return [shapes[0].indices.map { operands[0].values[$0 % operands[0].values.count] }]
  case .zeroDiagonal: return [zeroDiagonal(operands[0])]
  case .logSumExpOfRows(let excludingDiagonal):
    return [logSumExpOfRows(operands[0], excludingDiagonal)]
  case .logSumExpOfRowsGradient(let excludingDiagonal):
    return [logSumExpOfRowsGradient(operands, excludingDiagonal)]

  case .concatenateRows: return [operands.flatMap(\.values)]
  case .sliceRows(let first, let count):
    let row = operands[0].values.count / operands[0].shape[0]
    return [Array(operands[0].values[first * row..<(first + count) * row])]
  case .placeRows(let first, let rows):
    return [placeRows(operands[0], first: first, of: rows)]

  case .relu: return unary { max($0, 0) }
  case .reluGradient: return binary { dy, y in y > 0 ? dy : 0 }
  case .add: return binary(+)
  case .subtract: return binary(-)
  case .multiply: return binary(*)
  case .divide: return binary(/)
  case .scale(let factor): return unary { $0 * Double(factor) }
  case .addScalar(let term): return unary { $0 + Double(term) }
  case .squareRoot: return unary { $0.squareRoot() }
  case .exponential: return unary(exp)
  case .logarithm: return unary(log)
  case .stopGradient: return unary { $0 }

  case .mean:
    return [[operands[0].values.reduce(0, +) / Double(operands[0].values.count)]]
  case .broadcast(let shape):
    return [.init(repeating: operands[0].values[0], count: shape.elementCount)]
  case .l2Normalize(let epsilon): return [l2Normalize(operands[0], epsilon: Double(epsilon))]
  case .l2NormalizeGradient(let epsilon):
    return [l2NormalizeGradient(operands[0], operands[1], epsilon: Double(epsilon))]

  case .interpolate:
    let tau = operands[2].values[0]
    return binary { old, new in tau * old + (1 - tau) * new }
  case .runningAverage(let rate, let correction):
    return binary { old, new in old + Double(rate) * (Double(correction) * new - old) }
  case .optimizerUpdate(let rule): return optimizerUpdate(operands, rule)
  }
}

extension Shape {
  /// The row-major indices of all elements.
  var indices: Range<Int> { 0..<elementCount }
}
