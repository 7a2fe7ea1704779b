public import Metrics

extension Metric {
  /// The declaration of a method's loss, which every method has and is the sum of what it minimises.
  ///
  /// - Parameters:
  ///   - sentence: What it is, and what its values mean.
  ///   - minimum: Its least value; nil where there is none.
  ///   - maximum: Its greatest value; nil where there is none.
  /// - Returns: the declaration, under the name `loss`.
  public static func loss(
    _ sentence: String, minimum: Double? = nil, maximum: Double? = nil
  ) -> Metric {
    Metric(Update.lossName, title: "Loss", sentence, minimum: minimum, maximum: maximum)
  }

  /// The declaration of the mean cosine of what a method makes alike.
  public static func cosine(_ sentence: String) -> Metric {
    Metric("cosine", title: "Cosine", sentence, minimum: -1, maximum: 1)
  }
}
