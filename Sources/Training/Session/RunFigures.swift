public import Metrics

/// What a BYOL run reports of an update.
public enum RunFigures {
  /// The loss.
  public static let loss = Metric(
    "loss", title: "Loss",
    "BYOL's symmetrised loss; 4 means that the views do not agree at all. Falling is good; near 0 at once is a collapse.",
    minimum: 0, maximum: 8)
  /// The mean cosine of prediction and target projection.
  public static let cosine = Metric(
    "cosine", title: "Cosine",
    "Mean cosine of the prediction of one view and the projection of the other.", minimum: -1,
    maximum: 1)
  /// The learning rate.
  public static let learningRate = Metric(
    "learning_rate", title: "Learning rate", "The learning rate of the update.", minimum: 0)
  /// τ.
  public static let tau = Metric(
    "tau", title: "Target decay τ",
    "The share of its weights that the target network keeps with each update.", minimum: 0,
    maximum: 1)
  /// The spread of the representations, of a dimension.
  public static func embeddingStd(dimension: Int) -> Metric {
    Metric(
      "embedding_std", title: "Embedding spread",
      "Mean over the dimensions of the standard deviation of l2-normalised representations; dashed: that of "
        + "random directions. Near 0 is a collapse.",
      minimum: 0, maximum: 1, reference: 1 / Double(dimension).squareRoot())
  }
  /// Training pictures per second.
  public static let imagesPerSecond = Metric(
    "images_per_second", title: "Pictures per second",
    "Training pictures, not views, per second over the last seconds.", unit: "images per second",
    minimum: 0)
  /// How much of the time went by waiting for views.
  public static let viewWaitShare = Metric(
    "view_wait_share", title: "Waiting for views",
    "Share of the last seconds in which the update waited for views to be rendered.", minimum: 0,
    maximum: 1)

  /// All of them, in the order in which they are shown, for representations of `dimension` components.
  public static func declared(dimension: Int) -> [Metric] {
    [
      loss, cosine, learningRate, tau, embeddingStd(dimension: dimension), imagesPerSecond,
      viewWaitShare,
    ]
  }
}
