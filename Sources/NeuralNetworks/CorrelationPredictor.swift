public import TensorGraph
import Tensors

/// A linear predictor without weights: the correlation of the projections themselves, which is followed and not learned
/// ("DirectCopy", Wang et al. 2021, arXiv 2110.04947, section 4).
///
/// W = C / ‖C‖ + εI, where C follows E[z̄ z̄ᵀ] of unit projections z̄, and ‖C‖ is its greatest eigenvalue, by one step of power
/// iteration per update. A predictor that is learned ends up with the eigenvectors of C (Tian et al. 2021, arXiv 2102.06810);
/// this one has them from the start.
public struct CorrelationPredictor: Hashable, Sendable {
  /// ε: the share of the identity, which keeps directions alive in which projections hardly vary.
  static let identity: Float = 0.3
  /// How far C moves toward a batch's correlation per update.
  static let rate: Float = 0.5
  /// Added to ‖C‖, which is 0 before the first update.
  static let least: Float = 1e-4

  /// The predictor.
  public init() {}

  /// W·z̄ of each row of unit projections `[N, D]`, by the correlation as the last update left it; the scale is arbitrary, since
  /// BYOL's loss normalises it.
  public func predict(_ z: Tensor, in module: Module) -> Tensor {
    let (rows, columns) = (z.shape[0], z.shape[1])
    let norm = moved(direction(columns, module), module).squared().sumOfColumns().squareRoot()
    let identity = ((norm + Self.least) * Self.identity).repeatedColumns(columns).sumOfRows()
    return z.multiplied(by: correlation(columns, module)) + z * identity.repeatedRows(rows)
  }

  /// Moves C toward the correlation of several batches of unit projections, each `[N, D]`, after the losses are recorded.
  public func follow(_ batches: [Tensor], in module: Module) {
    let columns = batches[0].shape[1]
    let sums = batches.map { batch in
      let z = batch.stoppingGradient()
      return z.multiplied(by: z, transposeFirst: true) * (1 / Float(z.shape[0] * batches.count))
    }
    let matrix = correlation(columns, module)
    module.setStatistic(
      "direction", moved(direction(columns, module), module).l2Normalized())
    module.setStatistic(
      "matrix",
      matrix.runningAverage(
        of: sums.dropFirst().reduce(sums[0], +), rate: Self.rate, correction: 1))
  }

  /// v·C, of the direction of the last update.
  private func moved(_ direction: Tensor, _ module: Module) -> Tensor {
    direction.multiplied(by: correlation(direction.shape[1], module))
  }

  private func correlation(_ dimension: Int, _ module: Module) -> Tensor {
    module.statistic("matrix", [dimension, dimension], startingAt: 0)
  }

  /// The estimate of the first eigenvector, `[1, D]`.
  private func direction(_ dimension: Int, _ module: Module) -> Tensor {
    module.statistic(
      "direction", [1, dimension], startingAt: 1 / Float(dimension).squareRoot())
  }
}
