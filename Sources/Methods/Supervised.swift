public import Images
public import Metrics
import NeuralNetworks
public import TensorGraph
import Tensors

/// Classification of labelled pictures with the cross entropy of a linear classifier: the yardstick of what an encoder of
/// this size can learn from these pictures when it is told the labels.
///
/// It takes one view of each picture. The classifier is left out of the model that a run publishes.
public struct Supervised: Method {
  /// The name in recipes.
  public static let name = "supervised"
  /// What it is.
  public static let sentence =
    "Classification by the pictures' labels, which every training picture must have: a yardstick, not a way without labels."
  /// What it reads of the settings.
  public static let options: Set<MethodOption> = [.labels]
  /// The module of the linear layer after the encoder: `weight` `[classes, D]` and `bias` `[classes]`.
  public static let classifier = "classifier"

  /// One view of each picture.
  public let views: [ViewSpecification]
  private let encoder: any Encoder
  private let classes: Int

  /// The loss, and how sure the classifier is of the right label.
  public var metrics: [Metric] {
    [
      .loss(
        "Cross entropy of the classifier and the labels; ln(classes) means that it knows nothing. Falling is good.",
        minimum: 0),
      Metric(
        "label_probability", title: "Probability of the label",
        "Mean probability that the classifier gives the label of a view's picture, of the views that it learns from.",
        minimum: 0, maximum: 1),
    ]
  }

  /// The method with the settings of a recipe.
  public init(_ settings: MethodSettings) {
    views = Array(settings.views.prefix(1))
    encoder = settings.encoder.network
    classes = settings.classes
  }

  /// Records −log p(label) of a batch of views `[N, C, S, S]`.
  public func record(_ views: [Tensor], in update: inout UpdateRecording) {
    let y = encoder.record(views[0], in: update.online.module("encoder"))
    let scores = update.online.module(Supervised.classifier).linear(
      y, outputs: classes, bias: true)
    let right = (scores * update.labels(views[0].shape[0], classes: classes)).sumOfColumns()
    let surprise = scores.logSumExpOfRows(excludingDiagonal: false) - right
    update.minimize(surprise.mean())
    // There is no projector: what the classifier sees is what may collapse.
    update.represent(y, projection: y)
    update.report("label_probability", (surprise * -1).exponential().mean())
  }
}
