public import Images
public import Metrics
import NeuralNetworks
public import TensorGraph

/// "VICReg: Variance-Invariance-Covariance Regularization" (Bardes et al. 2022, arXiv 2105.04906), algorithm 1.
///
/// Views of a picture are to have the same projection; the components of projections are to vary over the batch, each on
/// its own. There is no target network and no predictor. With more than two views the invariance is the mean over all pairs.
public struct VICReg: Method {
  /// The name in recipes.
  public static let name = "vicreg"
  /// What it is.
  public static let sentence =
    "Equal projections of a picture's views, whose components vary and are not correlated (Bardes et al. 2022)."
  /// What it reads of the settings.
  public static let options: Set<MethodOption> = [.localViews]

  /// The weights of invariance, variance and covariance (section 4.2).
  static let (invariance, variance, covariance): (Float, Float, Float) = (25, 25, 1)

  /// Two views of each picture, unless the recipe asks for more.
  public let views: [ViewSpecification]
  private let encoder: any Encoder
  private let projector: MLP

  /// The loss, and the cosine of the views of a picture.
  public var metrics: [Metric] {
    [
      .loss(
        "25 times the distance of a picture's views, 25 times the variance that is missing, and the covariance. "
          + "Falling is good.", minimum: 0),
      .cosine("Mean cosine of the projections of two views of a picture."),
    ]
  }

  /// The method with the settings of a recipe.
  public init(_ settings: MethodSettings) {
    views = settings.views
    encoder = settings.encoder.network
    // Section 4.2: three layers, batch norm and ReLU after the first two.
    projector = MLP(
      units: [settings.projectorHidden, settings.projectorHidden, settings.projectorOutput],
      hasOutputBias: true)
  }

  /// Records one turn of algorithm 1 over the batches of views, each `[N, C, S, S]`.
  public func record(_ views: [Tensor], in update: inout UpdateRecording) {
    let representations = views.map { encoder.record($0, in: update.online.module("encoder")) }
    let projections = representations.map {
      projector.record($0, in: update.online.module("projector"))
    }
    let spreads = projections.map { Spread(of: $0) }
    var (distances, cosines): ([Tensor], [Tensor]) = ([], [])
    for (first, projection) in projections.enumerated() {
      for other in projections.dropFirst(first + 1) {
        distances.append((projection - other).squared().mean())
        cosines.append(
          (projection.l2Normalized() * other.l2Normalized()).sumOfColumns().mean())
      }
    }
    update.minimize(
      mean(distances) * VICReg.invariance + mean(spreads.map(\.variance)) * VICReg.variance
        + sum(spreads.map(\.covariance)) * (2 / Float(views.count)) * VICReg.covariance)
    update.represent(representations[0], projection: projections[0])
    update.report("cosine", mean(cosines))
  }

  private func mean(_ terms: [Tensor]) -> Tensor { sum(terms) * (1 / Float(terms.count)) }

  private func sum(_ terms: [Tensor]) -> Tensor { terms.dropFirst().reduce(terms[0], +) }
}
