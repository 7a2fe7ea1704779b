import Methods
public import Metrics
import NeuralNetworks
public import Recipes

/// What a run reports of an update beside what its method declares.
public enum RunFigures {
  /// The learning rate.
  public static let learningRate = Metric(
    "learning_rate", title: "Learning rate", "The learning rate of the update.", minimum: 0)
  /// τ.
  public static let tau = Metric(
    "tau", title: "Target decay τ",
    "The share of its weights that the target network keeps with each update.", minimum: 0,
    maximum: 1)
  /// The name of the spread of the representations.
  static let embeddingStdName = "embedding_std"
  /// The spread of the representations, of a dimension.
  public static func embeddingStd(dimension: Int) -> Metric {
    spread(
      embeddingStdName, title: "Embedding spread",
      "Mean over the dimensions of the standard deviation of l2-normalised representations; dashed: that of "
        + "random directions. Near 0 is a collapse.",
      dimension: dimension)
  }
  /// The name of the spread of the projections.
  static let projectionStdName = "projection_std"
  /// The spread of the projections, of a dimension.
  public static func projectionStd(dimension: Int) -> Metric {
    spread(
      projectionStdName, title: "Projection spread",
      "Mean over the dimensions of the standard deviation of l2-normalised projections, about every five seconds; dashed: "
        + "that of random directions. Near 0 is a collapse; representations follow later.",
      dimension: dimension)
  }
  /// The deviation of unit vectors, beside that of random directions.
  private static func spread(
    _ name: String, title: String, _ sentence: String, dimension: Int
  ) -> Metric {
    Metric(
      name, title: title, sentence, minimum: 0, maximum: 1,
      reference: 1 / Double(dimension).squareRoot())
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

  /// Recall@1 of views at the last evaluated checkpoint.
  public static let viewRecall = Metric(
    "view_recall", title: "Recall@1 of views",
    "How often, of views of some training pictures, the one most like a picture's first view is its second; at the last "
      + "evaluated checkpoint. Rising is good; the best checkpoint is chosen by it.",
    minimum: 0, maximum: 1)
  /// RankMe at the last evaluated checkpoint.
  public static let rankMe = Metric(
    "rankme", title: "RankMe",
    "The effective number of directions of the embeddings of some training pictures, at the last evaluated checkpoint.",
    minimum: 1)
  /// k-NN at the last evaluated checkpoint.
  public static let neighbourAccuracy = Metric(
    "knn_accuracy", title: "k-NN accuracy",
    "The share of some training pictures whose label their 20 nearest neighbours among others tell, at the last "
      + "evaluated checkpoint. It chooses nothing.",
    minimum: 0, maximum: 1)

  /// What the method of a recipe reports: its loss first.
  public static func ofMethod(_ recipe: Recipe) -> [Metric] { recipe.learning.metrics }

  /// Everything that a run of a recipe reports, in the order in which it is shown: the method's metrics, then these.
  public static func declared(by recipe: Recipe) -> [Metric] {
    ofMethod(recipe) + [learningRate]
      + (recipe.method.type.options.contains(.tau) ? [tau] : [])
      + [
        embeddingStd(dimension: recipe.encoder.representationDimension),
        projectionStd(dimension: recipe.projectorOutput), imagesPerSecond, viewWaitShare,
      ]
  }
}
