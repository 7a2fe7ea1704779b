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

  /// BYOL's.
  public var metrics: [Metric] { BYOL.plainMetrics }

  /// The method with the settings of a recipe.
  public init(_ settings: MethodSettings) {
    views = settings.views
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
      let normalized = z.l2Normalized()
      update.minimize(regressionLoss(predictor.predict(normalized, in: module), other).mean())
      if unit.isEmpty { update.represent(y, projection: z) }
      unit.append(normalized)
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
