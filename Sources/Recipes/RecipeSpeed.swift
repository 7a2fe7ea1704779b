import Methods
import TensorGraph

extension Recipe {
  /// Multiplications per second that two cores are assumed to do where nobody measured.
  private static let multiplicationsPerSecond = 100e9

  /// A guess of the training pictures per second, from the multiplications of an update: for a plan of a run before
  /// anything was measured.
  public var guessedPicturesPerSecond: Double {
    Recipe.multiplicationsPerSecond * Double(batchSize)
      / Double(max(1, update.graph.multiplicationCount))
  }
}
