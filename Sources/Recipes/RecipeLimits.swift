/// The least and greatest value of every hyper-parameter. What lies outside is refused by name.
public enum RecipeLimits {
  /// Seeds: whole numbers that every JSON reader keeps exact.
  public static let seed: ClosedRange<Int64> = 0...(1 << 53 - 1)
  /// Side of the views, in pixels.
  public static let imageSize: ClosedRange<Int> = 8...512
  /// The least side of views with the ImageNet stem, which divides it by 32.
  public static let imageSizeWithImagenetStem = 32
  /// Hidden units and outputs of projector and predictor.
  public static let headWidth: ClosedRange<Int> = 8...16_384
  /// Pictures in an update: batch norm needs two at the least.
  public static let batchSize: ClosedRange<Int> = 2...4096
  /// Passes over the pictures.
  public static let epochs: ClosedRange<Int> = 1...100_000
  /// Learning rate for a batch of 256.
  public static let baseLearningRate: ClosedRange<Double> = 1e-6...100
  /// Weight decay.
  public static let weightDecay: ClosedRange<Double> = 0...1
  /// Momentum.
  public static let momentum: ClosedRange<Double> = 0...0.9999
  /// LARS's trust coefficient.
  public static let trustCoefficient: ClosedRange<Double> = 1e-6...1
  /// Epochs of warm-up; also at most the run's epochs.
  public static let warmupEpochs: ClosedRange<Double> = 0...100_000
  /// τ at the first update.
  public static let baseTau: ClosedRange<Double> = 0...1
  /// Updates between checkpoints; 0 for by time alone.
  public static let checkpointEverySteps: ClosedRange<Int> = 0...1_000_000_000
  /// Seconds between checkpoints.
  public static let checkpointEverySeconds: ClosedRange<Double> = 1...86_400
  /// Batches that a dataset must fill.
  public static let batchesInDataset = 2
}
