import Tensors

/// `(y, mean, variance)`: see ``Operation/batchNormalization(epsilon:relu:)``.
func batchNormalization(_ operands: [Operand], epsilon: Double, relu: Bool) -> [[Double]] {
  let x = operands[0]
  let count = Double(x.values.count / x.shape[1])
  let mean = channelSums(x) { x.values[$0] }.map { $0 / count }
  let variance = channelSums(x) { index in
    let difference = x.values[index] - mean[channel(index, x)]
    return difference * difference
  }.map { $0 / count }
  let y = normalize(
    x, scale: operands[1].values, offset: operands[2].values, mean: mean, variance: variance,
    residual: operands.count == 4 ? operands[3] : nil, epsilon: epsilon, relu: relu)
  return [y, mean, variance]
}

/// `scale·(x − mean)/√(variance + ε) + offset`, plus the residual, rectified if asked.
func normalize(
  _ x: Operand, scale: [Double], offset: [Double], mean: [Double], variance: [Double],
  residual: Operand?, epsilon: Double, relu: Bool
) -> [Double] {
  x.values.indices.map { index in
    let c = channel(index, x)
    let normalized = (x.values[index] - mean[c]) / (variance[c] + epsilon).squareRoot()
    let y = scale[c] * normalized + offset[c] + (residual?.values[index] ?? 0)
    return relu ? max(y, 0) : y
  }
}

/// Operands `dy, x, y, scale, mean, variance[, other]`; results `dx, dscale, doffset, dresidual`.
func batchNormalizationGradient(_ operands: [Operand], epsilon: Double, relu: Bool) -> [[Double]] {
  let (x, y) = (operands[1], operands[2])
  let (scale, mean, variance) = (operands[3].values, operands[4].values, operands[5].values)
  let count = Double(x.values.count / x.shape[1])
  let other = operands.count == 7 ? operands[6] : x.shape.zeros
  let dz = zip(zip(operands[0].values, other.values), y.values).map { gradients, y in
    relu && y <= 0 ? 0 : gradients.0 + gradients.1
  }
  func normalized(_ index: Int) -> Double {
    let c = channel(index, x)
    return (x.values[index] - mean[c]) / (variance[c] + epsilon).squareRoot()
  }
  let doffset = channelSums(x) { dz[$0] }
  let dscale = channelSums(x) { dz[$0] * normalized($0) }
  let dx = x.values.indices.map { index in
    let c = channel(index, x)
    let centred = dz[index] - doffset[c] / count - normalized(index) * dscale[c] / count
    return scale[c] / (variance[c] + epsilon).squareRoot() * centred
  }
  return [dx, dscale, doffset, dz]
}

func channel(_ index: Int, _ x: Operand) -> Int { index / x.channelStride % x.shape[1] }

private func channelSums(_ x: Operand, _ value: (Int) -> Double) -> [Double] {
  var sums = [Double](repeating: 0, count: x.shape[1])
  for index in x.values.indices { sums[channel(index, x)] += value(index) }
  return sums
}
