public import Images
public import Metrics
import NeuralNetworks
public import TensorGraph

/// "Exploring Simple Siamese Representation Learning" (Chen & He 2021, arXiv 2011.10566), algorithm 1.
///
/// BYOL without the moving average: the projections that are predicted are the network's own, through which no gradient
/// flows. The loss, ½·D(p₁, z₂) + ½·D(p₂, z₁) with D the negative cosine, is recorded as 1 + itself, and lies in 0…2.
public struct SimSiam: Method {
  /// The name in recipes.
  public static let name = "simsiam"
  /// What it is.
  public static let sentence =
    "The network predicts its own projections of the other view, without a moving average (Chen & He 2021)."
  /// What it reads of the settings.
  public static let options: Set<MethodOption> = [.predictor]

  /// Two views of each picture.
  public let views: [ViewSpecification]
  private let encoder: any Encoder
  private let projector: MLP
  private let predictor: MLP

  /// The loss, and the cosine of predictions and projections.
  public var metrics: [Metric] {
    [
      .loss(
        "1 less the mean cosine of prediction and projection. Falling is good; near 0 at once is a collapse.",
        minimum: 0, maximum: 2),
      .cosine("Mean cosine of the prediction of one view and the projection of the other."),
    ]
  }

  /// The method with the settings of a recipe.
  public init(_ settings: MethodSettings) {
    views = settings.views
    encoder = settings.encoder.network
    // Section 3: three layers, the output normalised without an affine map; the predictor is a bottleneck of two.
    let (hidden, output) = (settings.projectorHidden, settings.projectorOutput)
    projector = MLP(units: [hidden, hidden, output], hasHiddenBias: false, normalizesOutput: true)
    predictor = MLP(
      units: [settings.predictorHidden, output], hasHiddenBias: false, hasOutputBias: true)
  }

  /// Records one turn of algorithm 1 over two batches of views `[N, C, S, S]`.
  public func record(_ views: [Tensor], in update: inout UpdateRecording) {
    let (y1, z1, p1) = predict(views[0], update.online)
    let (_, z2, p2) = predict(views[1], update.online)
    // ‖p̄ − z̄‖² = 2 + 2·D(p, z): a quarter of both is 1 + the paper's loss.
    let direction1 = regressionLoss(p1, z2.stoppingGradient())
    let direction2 = regressionLoss(p2, z1.stoppingGradient())
    update.minimize((direction1 + direction2).mean() * 0.25)
    update.represent(y1, projection: z1)
    update.report("cosine", factor: -1, offset: 1)
  }

  private func predict(_ view: Tensor, _ online: NetworkScope) -> (
    representation: Tensor, projection: Tensor, prediction: Tensor
  ) {
    let representation = encoder.record(view, in: online.module("encoder"))
    let projection = projector.record(representation, in: online.module("projector"))
    let prediction = predictor.record(projection, in: online.module("predictor"))
    return (representation, projection, prediction)
  }
}
