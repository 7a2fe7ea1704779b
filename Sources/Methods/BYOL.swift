public import Images
public import Metrics
import NeuralNetworks
public import TensorGraph

/// "Bootstrap Your Own Latent" (Grill et al. 2020, arXiv 2006.07733), algorithm 1.
///
/// The online network θ predicts from one view what the target network ξ projects of the other one; ξ is a moving
/// average of θ. The loss is symmetrised and lies in 0…8.
///
/// Two things beside the paper are off unless a recipe asks for them: more views, each of which predicts what the target
/// projects of the first two (Caron et al. 2020, arXiv 2006.09882, multi-crop), and terms that keep projections apart.
public struct BYOL: Method {
  /// The name in recipes.
  public static let name = "byol"
  /// What it is.
  public static let sentence =
    "The online network predicts the projections of a target network, its own moving average (Grill et al. 2020)."
  /// What it reads of the settings.
  public static let options: Set<MethodOption> = [
    .tau, .predictor, .temperature, .separation, .localViews,
  ]

  /// Two global views of each picture, then the local ones.
  public let views: [ViewSpecification]
  private let encoder: any Encoder
  private let projector: MLP
  private let predictor: MLP?
  private let target: Target
  private let terms: SeparationTerms

  /// What the online network predicts.
  enum Target {
    /// A moving average of the online network.
    case movingAverage
    /// A network that keeps its first values.
    case fixed
    /// The online network itself, through which no gradient flows there.
    case online
  }

  /// The loss, and the cosine of predictions and projections.
  public var metrics: [Metric] {
    guard !terms.isEmpty else { return BYOL.plainMetrics }
    let loss = Metric.loss(
      "BYOL's symmetrised loss and the weighted terms that keep projections apart. Falling is good."
    )
    return [loss] + BYOL.plainMetrics.dropFirst()
  }

  /// Those of the loss without terms.
  static let plainMetrics: [Metric] = [
    .loss(
      "BYOL's symmetrised loss; 4 means that the views do not agree at all. Falling is good; near 0 at once is a collapse.",
      minimum: 0, maximum: 8),
    .cosine("Mean cosine of the prediction of one view and the projection of the other."),
  ]

  /// The method with the settings of a recipe.
  public init(_ settings: MethodSettings) {
    self.init(settings, target: .movingAverage, hasPredictor: true)
  }

  /// A variant of the paper's ablations.
  init(_ settings: MethodSettings, target: Target, hasPredictor: Bool) {
    views = settings.views
    encoder = settings.encoder.network
    projector = MLP(units: [settings.projectorHidden, settings.projectorOutput])
    predictor =
      hasPredictor ? MLP(units: [settings.predictorHidden, settings.projectorOutput]) : nil
    self.target = target
    terms = SeparationTerms(settings)
  }

  /// Records one turn of algorithm 1 over two batches of global views `[N, C, S, S]`, and as many of local views.
  public func record(_ views: [Tensor], in update: inout UpdateRecording) {
    // z′₁ and z′₂ first: they need no gradient, so nothing of them is kept.
    let target = targetNetwork(&update)
    let projections = views.prefix(2).map { project($0, target) }
    var agreement: [Tensor] = []

    // One direction at a time, forward and backward: only one view's activations are alive at once. The factor keeps the
    // loss in 0…8 however many views there are; with two it is 1.
    let share = 2 / Float(views.count)
    for (index, view) in views.enumerated() {
      let (y, z, p) = predict(view, update.online)
      // A global view does not predict itself.
      let targets = projections.indices.filter { $0 != index }.map { projections[$0] }
      let loss = sum(
        targets.map { regressionLoss(p, $0).mean() }, factor: share / Float(targets.count))
      agreement.append(loss)
      if let term = terms.record(
        prediction: p, projection: z, own: index < 2 ? projections[index] : nil, targets: targets,
        in: &update)
      {
        update.minimize(loss + term * share)
      } else {
        update.minimize(loss)
      }
      if index == 0 { update.represent(y, projection: z) }
    }
    // The losses of all views add up to 4 − 4·cos(q(z), z′).
    let total = terms.isEmpty ? nil : sum(agreement, factor: 1)
    update.report("cosine", total, factor: -0.25, offset: 1)
  }

  private func sum(_ terms: [Tensor], factor: Float) -> Tensor {
    let sum = terms.dropFirst().reduce(terms[0], +)
    return factor == 1 ? sum : sum * factor
  }

  private func targetNetwork(_ update: inout UpdateRecording) -> NetworkScope {
    switch target {
    case .movingAverage: update.movingAverage("target")
    case .fixed: update.fixedNetwork("target")
    case .online: update.online
    }
  }

  /// y = f(v), `[N, D]`, z = g(y) and q(z), `[N, 256]`, of the online network; without a predictor q(z) is z.
  private func predict(_ view: Tensor, _ online: NetworkScope) -> (
    representation: Tensor, projection: Tensor, prediction: Tensor
  ) {
    let representation = encoder.record(view, in: online.module("encoder"))
    let projection = projector.record(representation, in: online.module("projector"))
    let prediction = predictor?.record(projection, in: online.module("predictor"))
    return (representation, projection, prediction ?? projection)
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
