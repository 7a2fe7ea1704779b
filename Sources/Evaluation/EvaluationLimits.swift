/// What an evaluation takes at most, so that its time and its memory have bounds.
public enum EvaluationLimits {
  /// The most protocols.
  public static let protocols = 8
  /// Neighbours that vote.
  public static let neighbours = 1...10_000
  /// Percent of the labels that fine-tuning learns from.
  public static let fineTuning = 1...100
  /// The most pictures judged: CIFAR-10's test half.
  public static let judged = 10_000
  /// The most pictures that they are compared with: CIFAR-10's training half.
  public static let reference = 50_000
  /// The most pictures judged of a quick evaluation.
  public static let quickJudged = 500
  /// The most pictures that they are compared with.
  public static let quickReference = 2_000
  /// The most pictures of which views are made.
  public static let viewed = 1_000
  /// The same of a quick evaluation.
  public static let quickViewed = 250
  /// Views of each of them; LiDAR's authors take ten and more.
  public static let views = 10
  /// The same of a quick evaluation.
  public static let quickViews = 4
  /// Crops of each reference picture that the linear classifier by SGD learns from.
  public static let sgdViews = 8
  /// The most values, of four bytes, that the vectors of those crops are; there are fewer crops where they would be more.
  public static let sgdValues = 1 << 28
}
