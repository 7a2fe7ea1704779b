import TensorGraph
import Tensors

/// Terms that keep the projections of different pictures apart, beside BYOL's loss: negatives, and variance and covariance.
///
/// All of them are multiplied by the update's term weight, which a recipe may let fall to 0 over the run.
struct SeparationTerms: Hashable, Sendable {
  /// β, the weight of negatives.
  let negatives: Float
  /// α, which divides the negatives' cosines.
  let temperature: Float
  /// The weight of the variance term.
  let variance: Float
  /// The weight of the covariance term.
  let covariance: Float

  init(_ settings: MethodSettings) {
    negatives = Float(settings.negativesWeight)
    temperature = Float(settings.temperature)
    variance = Float(settings.varianceWeight)
    covariance = Float(settings.covarianceWeight)
  }

  /// Whether none of them has a weight.
  var isEmpty: Bool { negatives == 0 && variance == 0 && covariance == 0 }

  /// The weighted terms of one view, a scalar; nil where there are none.
  ///
  /// - Parameters:
  ///   - prediction: q(z) of the view, `[N, D]`.
  ///   - projection: z of the view, `[N, D]`.
  ///   - own: The target's projections of the same view, where it made any.
  ///   - targets: Its projections of the views that are predicted.
  ///   - update: Takes the term weight's input.
  /// - Returns: the sum of the terms, times the term weight.
  func record(
    prediction: Tensor, projection: Tensor, own: Tensor?, targets: [Tensor],
    in update: inout UpdateRecording
  ) -> Tensor? {
    var terms: [Tensor] = []
    if negatives > 0 {
      terms.append(
        uniformity(prediction, own: own, targets: targets) * (2 * negatives * temperature))
    }
    if variance > 0 || covariance > 0 {
      let spread = Spread(of: projection)
      if variance > 0 { terms.append(spread.variance * variance) }
      if covariance > 0 { terms.append(spread.covariance * covariance) }
    }
    guard let first = terms.first else { return nil }
    return terms.dropFirst().reduce(first, +) * update.termWeight()
  }

  /// The mean over i of ln(Σⱼ≠ᵢ exp(S(vᵢ, vⱼ)/α) + Σⱼ exp(S(vᵢ, v′ⱼ)/α)) (Grill et al. 2020, eq. 8), where S is the
  /// cosine of a prediction and a target's projection; the first sum is left out where the target did not see the view.
  private func uniformity(_ prediction: Tensor, own: Tensor?, targets: [Tensor]) -> Tensor {
    let p = prediction.l2Normalized()
    func logSum(_ target: Tensor, excludingDiagonal: Bool) -> Tensor {
      let cosines = p.multiplied(by: target.l2Normalized(), transposeSecond: true)
      return (cosines * (1 / temperature)).logSumExpOfRows(excludingDiagonal: excludingDiagonal)
    }
    var sums = targets.map { logSum($0, excludingDiagonal: false) }
    if let own { sums.append(logSum(own, excludingDiagonal: true)) }
    // ln(eᵃ + eᵇ) = a + ln(1 + eᵇ⁻ᵃ): the difference of two such sums is at most 2/α + ln N, which `exp` can take.
    return sums.dropFirst().reduce(sums[0]) { $0 + (($1 - $0).exponential() + 1).logarithm() }
      .mean()
  }
}

/// How the components of projections `[N, D]` vary over a batch (Bardes et al. 2022, arXiv 2105.04906, eq. 1–4).
struct Spread {
  /// `mean(max(0, 1 − √(Var + ε)))` over the components, a scalar.
  let variance: Tensor
  /// The sum of the squared covariances of different components, over D, a scalar.
  let covariance: Tensor

  /// The ε under the root, as in the paper's code.
  private static let epsilon: Float = 1e-4

  init(of projections: Tensor) {
    let (rows, columns) = (projections.shape[0], Float(projections.shape[1]))
    let mean = projections.sumOfRows() * (1 / Float(rows))
    let centred = projections - mean.repeatedRows(rows)
    let squares = centred.squared().sumOfRows() * (1 / Float(rows - 1))
    let deviation = (squares + Spread.epsilon).squareRoot()
    let matrix =
      centred.multiplied(by: centred, transposeFirst: true).zeroingDiagonal()
      * (1 / Float(rows - 1))
    variance = (deviation * -1 + 1).relu().mean()
    covariance = matrix.squared().mean() * columns
  }
}
