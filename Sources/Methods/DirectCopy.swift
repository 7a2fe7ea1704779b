public import Images
public import Metrics
import NeuralNetworks
public import TensorGraph

/// BYOL whose predictor is set from the correlation of the projections instead of learned (Wang et al. 2021, arXiv 2110.04947).
public struct DirectCopy: Method {
  /// The name in recipes.
  public static let name = "direct-copy"
  /// What it is.
  public static let sentence =
    "BYOL whose linear predictor is the correlation of the projections, and not learned (Wang et al. 2021)."
  /// What it reads of the settings.
  public static let options: Set<MethodOption> = [.tau]

  /// Two views of each picture.
  public let views: [ViewSpecification]
  private let encoder: any Encoder
  private let projector: MLP
  private let predictor = CorrelationPredictor()

  /// The loss, and the cosine of predictions and projections.
  public var metrics: [Metric] {
    [
      .loss(
        "BYOL's symmetrised loss; 4 means that the views do not agree at all. Falling is good; near 0 at once is a collapse.",
        minimum: 0, maximum: 8),
      .cosine("Mean cosine of the prediction of one view and the projection of the other."),
    ]
  }

  /// The method with the settings of a recipe.
  public init(_ settings: MethodSettings) {
    views = Array(settings.views.prefix(2))
    encoder = settings.encoder.network
    projector = MLP(units: [settings.projectorHidden, settings.projectorOutput])
  }

  /// Records one turn of BYOL's algorithm 1 over two batches of views `[N, C, S, S]`; the correlation follows at its end.
  public func record(_ views: [Tensor], in update: inout UpdateRecording) {
    let target = update.movingAverage("target")
    let module = update.online.module("correlation")
    let targets = views.map { project($0, target).projection.stoppingGradient() }
    var unit: [Tensor] = []
    for (view, other) in zip(views, targets.reversed()) {
      let (y, z) = project(view, update.online)
      unit.append(z.l2Normalized())
      update.minimize(
        regressionLoss(predictor.predict(unit[unit.count - 1], in: module), other).mean())
      if unit.count == 1 { update.represent(y, projection: z) }
    }
    predictor.follow(unit, in: module)
    update.report("cosine", factor: -0.25, offset: 1)
  }

  /// y = f(v), `[N, D]`, and z = g(y), `[N, 256]`, of a network.
  private func project(_ view: Tensor, _ network: NetworkScope) -> (
    representation: Tensor, projection: Tensor
  ) {
    let representation = encoder.record(view, in: network.module("encoder"))
    return (representation, projector.record(representation, in: network.module("projector")))
  }
}
