extension Tensor {
  private func one(_ operation: Operation, _ others: Tensor...) -> Tensor {
    recorder.record(operation, [self] + others)[0]
  }

  /// Cross-correlation with `weight [O,C,k,k]`, without bias.
  public func convolved(with weight: Tensor, stride: Int, padding: Int) -> Tensor {
    one(.convolution(stride: stride, padding: padding), weight)
  }

  /// Cross-correlation with `weight [O,C,k,k]`, plus `bias [O]`, plus `residual`, rectified if `relu`.
  public func convolved(
    with weight: Tensor, bias: Tensor, residual: Tensor? = nil, stride: Int, padding: Int,
    relu: Bool
  ) -> Tensor {
    let operands = [self, weight, bias] + (residual.map { [$0] } ?? [])
    return recorder.record(
      .convolutionWithBias(stride: stride, padding: padding, relu: relu), operands)[0]
  }

  /// The normalised batch with the statistics it was normalised by.
  public struct BatchNormalized {
    /// The result, of the input's shape.
    public var output: Tensor
    /// The batch's mean per channel, `[C]`.
    public var mean: Tensor
    /// The batch's biased variance per channel, `[C]`.
    public var variance: Tensor
  }

  /// Batch normalisation with the batch's own statistics, plus `residual`, rectified if `relu`.
  public func batchNormalized(
    scale: Tensor, offset: Tensor, residual: Tensor? = nil, epsilon: Float, relu: Bool
  ) -> BatchNormalized {
    let operands = [self, scale, offset] + (residual.map { [$0] } ?? [])
    let results = recorder.record(.batchNormalization(epsilon: epsilon, relu: relu), operands)
    return BatchNormalized(output: results[0], mean: results[1], variance: results[2])
  }

  /// Batch normalisation with given statistics, plus `residual`, rectified if `relu`.
  public func normalized(
    scale: Tensor, offset: Tensor, mean: Tensor, variance: Tensor, residual: Tensor? = nil,
    epsilon: Float, relu: Bool
  ) -> Tensor {
    let operands = [self, scale, offset, mean, variance] + (residual.map { [$0] } ?? [])
    return recorder.record(.batchNormalizationInference(epsilon: epsilon, relu: relu), operands)[0]
  }

  /// Max pooling: the greatest element of each pooling window.
  public func maxPooled(size: Int, stride: Int, padding: Int) -> Tensor {
    one(.maxPool(size: size, stride: stride, padding: padding))
  }

  /// Global average pooling: the mean of each feature map, `[N,C]`.
  public func globalAveragePooled() -> Tensor { one(.globalAveragePool) }

  /// The matrix product, each operand transposed first if asked.
  public func multiplied(
    by other: Tensor, transposeFirst: Bool = false, transposeSecond: Bool = false
  ) -> Tensor {
    one(
      .matrixProduct(transposeFirst: transposeFirst, transposeSecond: transposeSecond), other)
  }

  /// Adds `bias [D]` to every row of `[N,D]`.
  public func adding(bias: Tensor) -> Tensor { one(.addBias, bias) }

  /// `max(x, 0)`.
  public func relu() -> Tensor { one(.relu) }

  /// The same value, through which no gradient flows.
  public func stoppingGradient() -> Tensor { one(.stopGradient) }

  /// `x²`.
  public func squared() -> Tensor { one(.multiply, self) }

  /// The sum of each row: `[N,D]` to `[N]`.
  public func sumOfColumns() -> Tensor { one(.sumColumns) }

  /// The sum over rows: `[N,D]` to `[D]`.
  public func sumOfRows() -> Tensor { one(.sumRows) }

  /// `[D]` in each of `count` rows: `[count,D]`.
  public func repeatedRows(_ count: Int) -> Tensor { one(.repeatRows(count)) }

  /// `[N]` in each of `count` columns: `[N,count]`.
  public func repeatedColumns(_ count: Int) -> Tensor { one(.repeatColumns(count)) }

  /// A square matrix with 0 on its diagonal.
  public func zeroingDiagonal() -> Tensor { one(.zeroDiagonal) }

  /// `log Σⱼ exp(xᵢⱼ)` of each row, `[N,M]` to `[N]`, which does not overflow; without `j = i` if asked, of a square
  /// matrix of two rows at least.
  public func logSumExpOfRows(excludingDiagonal: Bool = false) -> Tensor {
    one(.logSumExpOfRows(excludingDiagonal: excludingDiagonal))
  }

  /// The rows of all `tensors`, one after the other; all have the same shape but for the first axis.
  public static func concatenatingRows(_ tensors: [Tensor]) -> Tensor {
    guard let first = tensors.first else { preconditionFailure("No tensors to concatenate.") }
    return tensors.count == 1 ? first : first.recorder.record(.concatenateRows, tensors)[0]
  }

  /// Some rows of a matrix, or some pictures of a batch, in their order; at least one.
  public func rows(_ range: Range<Int>) -> Tensor {
    one(.sliceRows(first: range.lowerBound, count: range.count))
  }

  /// The mean of all elements, a scalar.
  public func mean() -> Tensor { one(.mean) }

  /// Each row of `[N,D]` divided by the greater of its norm and `epsilon`.
  public func l2Normalized(epsilon: Float = 1e-12) -> Tensor { one(.l2Normalize(epsilon: epsilon)) }

  /// `tau·self + (1 − tau)·new`; `tau` is a scalar.
  public func interpolated(toward new: Tensor, tau: Tensor) -> Tensor {
    one(.interpolate, new, tau)
  }

  /// `self + rate·(correction·new − self)`.
  public func runningAverage(of new: Tensor, rate: Float, correction: Float) -> Tensor {
    one(.runningAverage(rate: rate, correction: correction), new)
  }

  /// This parameter and its slots after one step along the sum of `gradients`, of which there is at least one.
  ///
  /// `slots` and `scalars` are as many as the rule names, in its order: see ``OptimizerRule/slotNames`` and
  /// ``OptimizerRule/scalarNames``. Slots and gradients have the parameter's shape, scalars the shape `[]`.
  public func updated(
    slots: [Tensor], gradients: [Tensor], scalars: [Tensor], _ rule: OptimizerRule
  ) -> (parameter: Tensor, slots: [Tensor]) {
    precondition(
      slots.count == rule.slotNames.count && scalars.count == rule.scalarNames.count,
      "\(rule) wants the slots \(rule.slotNames) and the scalars \(rule.scalarNames).")
    let results = recorder.record(.optimizerUpdate(rule), [self] + slots + gradients + scalars)
    return (results[0], Array(results.dropFirst()))
  }

  /// Element by element.
  public static func + (left: Tensor, right: Tensor) -> Tensor { left.one(.add, right) }
  /// Element by element.
  public static func - (left: Tensor, right: Tensor) -> Tensor { left.one(.subtract, right) }
  /// Element by element.
  public static func * (left: Tensor, right: Tensor) -> Tensor { left.one(.multiply, right) }
  /// Element by element.
  public static func / (left: Tensor, right: Tensor) -> Tensor { left.one(.divide, right) }
  /// Every element plus `term`.
  public static func + (left: Tensor, term: Float) -> Tensor { left.one(.addScalar(term)) }
  /// The square root of every element; its gradient is infinite at 0.
  public func squareRoot() -> Tensor { one(.squareRoot) }
  /// `eˣ` of every element.
  public func exponential() -> Tensor { one(.exponential) }
  /// The natural logarithm of every element.
  public func logarithm() -> Tensor { one(.logarithm) }
  /// Every element times `factor`.
  public static func * (left: Tensor, factor: Float) -> Tensor { left.one(.scale(factor)) }
}
