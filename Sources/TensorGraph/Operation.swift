public import Tensors

/// What one node of a graph computes. The parameters are constants; the operands are the node's inputs.
///
/// Activations are `[N, C, H, W]`, weights of convolutions `[out, in, kh, kw]`, matrices `[rows, columns]`.
/// These are logical shapes: a lowering stores values in whatever layout its kernels like.
public enum Operation: Hashable, Sendable {
  // MARK: Leaves

  /// Written by the host before each run.
  case input(name: String)
  /// Kept from run to run; changed by the graph's assignments.
  case variable(name: String)
  /// A scalar that never changes.
  case constant(Float)

  // MARK: Convolution

  /// `(x [N,C,H,W], w [O,C,k,k]) → [N,O,H′,W′]`: cross-correlation without bias.
  case convolution(stride: Int, padding: Int)
  /// `(dy, w) → dx`, where `dx` has shape `input`.
  case convolutionInputGradient(stride: Int, padding: Int, input: Shape)
  /// `(dy, x) → dw`, where `dw` has shape `weight`.
  case convolutionWeightGradient(stride: Int, padding: Int, weight: Shape)
  /// `(x, w, bias [O][, residual]) → x ∗ w + bias (+ residual)`, rectified if `relu`: what ``Graph/folded()``
  /// makes of a convolution and its normalisation. It has no gradient.
  case convolutionWithBias(stride: Int, padding: Int, relu: Bool)

  // MARK: Batch normalisation (Ioffe & Szegedy 2015, arXiv 1502.03167)

  /// `(x, scale, offset[, residual]) → (y, mean, variance)` over all axes but the second: normalises with
  /// the batch's own mean and biased variance, adds the residual, rectifies if `relu`.
  case batchNormalization(epsilon: Float, relu: Bool)
  /// `(dy, x, y, scale, mean, variance[, other]) → (dx, dscale, doffset, dresidual)`; the gradient of `y` is
  /// `dy (+ other)`, gated by `y` if `relu`. `dresidual` is the gated one; without a residual nothing reads it.
  case batchNormalizationGradient(epsilon: Float, relu: Bool)
  /// `(x, scale, offset, mean, variance[, residual]) → y` with given statistics.
  case batchNormalizationInference(epsilon: Float, relu: Bool)

  // MARK: Pooling

  /// `[N,C,H,W] → [N,C,H′,W′]`; padding never wins.
  case maxPool(size: Int, stride: Int, padding: Int)
  /// `(dy, x) → dx`: the gradient of each pooling window goes to its first greatest element in row-major order.
  case maxPoolGradient(size: Int, stride: Int, padding: Int)
  /// `[N,C,H,W] → [N,C]`: the mean of each feature map.
  case globalAveragePool
  /// `[N,C] → input`: each value divided evenly over its feature map.
  case globalAveragePoolGradient(input: Shape)

  // MARK: Dense algebra

  /// `(a, b) → op(a)·op(b)` of matrices.
  case matrixProduct(transposeFirst: Bool, transposeSecond: Bool)
  /// `(x [N,D], b [D]) → x + b` in every row.
  case addBias
  /// `[N,D] → [D]`.
  case sumRows
  /// `[N,D] → [N]`.
  case sumColumns
  /// `[N] → [N,columns]`: repeats each value along a new last axis.
  case repeatColumns(Int)
  /// `[D] → [rows,D]`: repeats the row along a new first axis.
  case repeatRows(Int)
  /// `[N,N] → [N,N]`: 0 on the diagonal, `x` elsewhere.
  case zeroDiagonal
  /// `[N,M] → [N]`: `log Σⱼ exp(xᵢⱼ)` of each row, in a form that does not overflow; without `j = i` if
  /// `excludingDiagonal`, for which the matrix is square and has two rows at least. It is the logarithm of NT-Xent's
  /// denominator (Chen et al. 2020, arXiv 2002.05709, eq. 1).
  case logSumExpOfRows(excludingDiagonal: Bool)
  /// `(dy, x, y) → dx` of `logSumExpOfRows`, whose result is `y`: `dyᵢ·exp(xᵢⱼ − yᵢ)`, 0 where `j` was excluded.
  case logSumExpOfRowsGradient(excludingDiagonal: Bool)

  // MARK: Along the first axis, of any rank but 0: rows of a matrix, pictures of a batch

  /// `([N,…], [M,…], …) → [N+M+…,…]`.
  case concatenateRows
  /// `[N,…] → [count,…]`: from row `first` on.
  case sliceRows(first: Int, count: Int)
  /// `[n,…] → [rows,…]`: the operand from row `first` on, 0 elsewhere.
  case placeRows(first: Int, of: Int)

  // MARK: Element by element

  /// `max(x, 0)`.
  case relu
  /// `(dy, y) → dy` where `y > 0`, else 0.
  case reluGradient
  /// `a + b`, same shape.
  case add
  /// `a − b`, same shape.
  case subtract
  /// `a · b`, same shape.
  case multiply
  /// `a / b`, same shape.
  case divide
  /// `x · factor`.
  case scale(Float)
  /// `x + term`.
  case addScalar(Float)
  /// `√x`. Its gradient is infinite at 0.
  case squareRoot
  /// `eˣ`.
  case exponential
  /// `ln x`.
  case logarithm
  /// `x`, through which no gradient flows.
  case stopGradient

  // MARK: Reductions and rows

  /// The mean of all elements, a scalar.
  case mean
  /// Scalar `→ shape`: the scalar in every element.
  case broadcast(Shape)
  /// `[N,D]`: each row divided by the greater of its Euclidean norm and `epsilon`.
  case l2Normalize(epsilon: Float)
  /// `(dy, x) → dx` of `l2Normalize`.
  case l2NormalizeGradient(epsilon: Float)

  // MARK: Updates

  /// `(old, new, tau scalar) → tau·old + (1 − tau)·new`: the target's move (Grill et al. 2020, eq. 1).
  case interpolate
  /// `(old, new) → old + rate·(correction·new − old)`: running statistics.
  case runningAverage(rate: Float, correction: Float)
  /// `(parameter, slot…, gradient…, scalar…) → (parameter, slot…)`: one step along the sum of the gradients, which are
  /// added in their order. The rule says which slots and scalars; there is at least one gradient.
  case optimizerUpdate(OptimizerRule)
}

extension Operation {
  /// The operation without its parameters, such as `convolution`.
  public var name: String {
    let text = "\(self)"
    return String(text.prefix { $0 != "(" })
  }
}
