public import Images
public import Metrics
import NeuralNetworks
public import TensorGraph

/// "A Simple Framework for Contrastive Learning of Visual Representations" (Chen et al. 2020, arXiv 2002.05709),
/// algorithm 1.
///
/// Each view is to be more like the other views of its picture than like any view of another picture of the batch. There is
/// no target network and no predictor. The projector is BYOL's: two layers with batch norm between.
public struct SimCLR: Method {
  /// The name in recipes.
  public static let name = "simclr"
  /// What it is.
  public static let sentence =
    "Views of one picture attract, views of different pictures of the batch repel each other (Chen et al. 2020)."
  /// What it reads of the settings.
  public static let options: Set<MethodOption> = [.temperature, .localViews]

  /// Two views of each picture, unless the recipe asks for more.
  public let views: [ViewSpecification]
  private let encoder: any Encoder
  private let projector: MLP
  private let temperature: Float

  /// The loss, and the cosine of the views of a picture.
  public var metrics: [Metric] {
    [
      .loss(
        "NT-Xent; at first near the logarithm of the number of views in a batch. Falling is good."),
      .cosine("Mean cosine of the projections of two views of a picture."),
    ]
  }

  /// The method with the settings of a recipe.
  public init(_ settings: MethodSettings) {
    views = settings.views
    encoder = settings.encoder.network
    projector = MLP(units: [settings.projectorHidden, settings.projectorOutput])
    temperature = Float(settings.temperature)
  }

  /// Records one turn of algorithm 1 over the batches of views, each `[N, C, S, S]`.
  public func record(_ views: [Tensor], in update: inout UpdateRecording) {
    let representations = views.map {
      encoder.record($0, in: update.online.module("encoder"))
    }
    let projections = representations.map {
      projector.record($0, in: update.online.module("projector")).l2Normalized()
    }
    let alignment = meanCosine(projections)
    // Every projection is in every denominator, so that all views' activations are alive at once.
    update.minimize(logDenominator(projections) - alignment * (1 / temperature))
    update.represent(representations[0], projection: projections[0])
    update.report("cosine", alignment)
  }

  /// The mean cosine of all pairs of views of one picture, of unit vectors `[N, D]` for each view.
  private func meanCosine(_ projections: [Tensor]) -> Tensor {
    var cosines: [Tensor] = []
    for (first, projection) in projections.enumerated() {
      for other in projections.dropFirst(first + 1) {
        cosines.append((projection * other).sumOfColumns().mean())
      }
    }
    precondition(!cosines.isEmpty, "NT-Xent compares two views at least.")
    return cosines.dropFirst().reduce(cosines[0], +) * (1 / Float(cosines.count))
  }

  /// The mean over all views i of log Σ exp(cos(zᵢ, zₖ)/T) over all other views k (NT-Xent, eq. 1).
  private func logDenominator(_ projections: [Tensor]) -> Tensor {
    let all = Tensor.concatenatingRows(projections)
    let similarities = all.multiplied(by: all, transposeSecond: true) * (1 / temperature)
    return similarities.logSumExpOfRows(excludingDiagonal: true).mean()
  }
}
