public import Images
import NeuralNetworks
public import TensorGraph

/// "Bootstrap Your Own Latent" (Grill et al. 2020, arXiv 2006.07733), algorithm 1.
///
/// The online network θ predicts from one view what the target network ξ projects of the other one; ξ is a moving
/// average of θ. The loss is symmetrised and lies in 0…8.
public struct BYOL: Method {
  /// The name in recipes.
  public static let name = "byol"
  /// What it is.
  public static let sentence =
    "The online network predicts the projections of a target network, its own moving average (Grill et al. 2020)."

  /// Two views of each picture.
  public let views: [ViewSpecification]
  private let encoder: any Encoder
  private let projector: MLP
  private let predictor: MLP

  /// The method with the settings of a recipe.
  public init(_ settings: MethodSettings) {
    views = settings.views
    encoder = settings.encoder.network
    projector = MLP(units: [settings.projectorHidden, settings.projectorOutput])
    predictor = MLP(units: [settings.predictorHidden, settings.projectorOutput])
  }

  /// Records one turn of algorithm 1 over two batches of views `[N, C, S, S]`.
  public func record(_ views: [Tensor], in update: inout UpdateRecording) {
    let target = update.movingAverage("target")

    // z′₁ and z′₂ first: they need no gradient, so nothing of them is kept.
    let z1 = project(views[0], target)
    let z2 = project(views[1], target)

    // One direction at a time, forward and backward: only one view's activations are alive at once.
    let (y1, p1) = predict(views[0], update.online)
    update.minimize(regressionLoss(p1, z2).mean())
    let (_, p2) = predict(views[1], update.online)
    update.minimize(regressionLoss(p2, z1).mean())

    update.represent(y1)
    // Each direction's loss is 2 − 2·cos(q(z), z′).
    update.report("cosine", factor: -0.25, offset: 1)
  }

  /// y = f(v), `[N, D]`, and q(g(y)), `[N, 256]`, of the online network.
  private func predict(_ view: Tensor, _ online: NetworkScope) -> (
    representation: Tensor, prediction: Tensor
  ) {
    let representation = encoder.record(view, in: online.module("encoder"))
    let projection = projector.record(representation, in: online.module("projector"))
    return (representation, predictor.record(projection, in: online.module("predictor")))
  }

  /// sg(z′) = sg(g′(f′(v))), `[N, 256]`. The target has no predictor, and no gradient.
  private func project(_ view: Tensor, _ target: NetworkScope) -> Tensor {
    projector.record(
      encoder.record(view, in: target.module("encoder")), in: target.module("projector")
    ).stoppingGradient()
  }
}

/// ‖p̄ − z̄‖² = 2 − 2·cos(p, z), row by row (Grill et al. 2020, eq. 2): `[N, D]` and `[N, D]` to `[N]`, in 0…4.
func regressionLoss(_ prediction: Tensor, _ projection: Tensor) -> Tensor {
  let (p, z) = (prediction.l2Normalized(), projection.l2Normalized())
  return (p - z).squared().sumOfColumns()
}
