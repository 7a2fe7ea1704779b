public import Images
public import NeuralNetworks
public import TensorGraph

/// Everything an update reads and never changes: frozen when a run is accepted, stored with the run
/// and in every checkpoint.
///
/// A recipe is made by `RecipeRequest.resolve`, which checks every limit of `RecipeLimits`.
public struct Recipe: Hashable, Sendable, Codable {
  /// Which optimizer applies the gradients.
  public enum Optimizer: String, Hashable, Sendable, Codable, CaseIterable {
    /// Layer-wise adaptive rates over momentum (You et al. 2017, arXiv 1708.03888).
    case lars
    /// Heavy-ball momentum.
    case sgd
  }

  /// How τ changes over the run.
  public enum TauSchedule: String, Hashable, Sendable, Codable, CaseIterable {
    /// From `baseTau` to 1 along half a cosine, as in the paper.
    case cosine
    /// `baseTau` throughout.
    case constant
  }

  /// What an update keeps in memory.
  public enum Memory: String, Hashable, Sendable, Codable, CaseIterable {
    /// Every activation that a gradient reads.
    case full
    /// The inputs of residual blocks; the rest is computed again where a gradient reads it, to the same bits.
    case lean
  }

  /// The version of this layout; a newer one is refused.
  public static let currentFormatVersion = 1

  /// The version of the layout this recipe was written in.
  public var formatVersion: Int = Recipe.currentFormatVersion
  /// The preset whose values fill what the request left open.
  public var preset: RecipePreset
  /// The seed of every random number of the run.
  public var seed: UInt64
  /// Training pictures in an epoch, before the incomplete last batch is dropped.
  public var pictures: Int
  /// The encoder f.
  public var encoder: EncoderConfiguration
  /// The side of the square views, in pixels.
  public var imageSize: Int
  /// Hidden units of the projector g.
  public var projectorHidden: Int
  /// Output dimensions of the projector and of the predictor.
  public var projectorOutput: Int
  /// Hidden units of the predictor q.
  public var predictorHidden: Int
  /// Pictures in an update; each batch norm sees one view of all of them.
  public var batchSize: Int
  /// Passes over the training pictures.
  public var epochs: Int
  /// The optimizer.
  public var optimizer: Optimizer
  /// The learning rate for a batch of 256; the peak is this times `batchSize` / 256.
  public var baseLearningRate: Double
  /// Weight decay; not applied to biases nor batch norm.
  public var weightDecay: Double
  /// Momentum m ← momentum·m + g.
  public var momentum: Double
  /// LARS's factor of ‖p‖/‖g‖; unused by SGD.
  public var trustCoefficient: Double
  /// Epochs of linear warm-up; may be a fraction.
  public var warmupEpochs: Double
  /// τ at the first update.
  public var baseTau: Double
  /// How τ changes.
  public var tauSchedule: TauSchedule
  /// The two distributions of views.
  public var augmentations: Augmentations
  /// A checkpoint is written each time this many updates are done; 0 for by time alone.
  public var checkpointEverySteps: Int
  /// A checkpoint is written when this many seconds have passed since the last.
  public var checkpointEverySeconds: Double
  /// The number format of activations; weights and statistics are always float32.
  public var precision: Precision
  /// What an update keeps in memory; the results do not depend on it.
  public var memory: Memory = .full
}

extension Recipe {
  /// Channels of the pictures and of the views.
  public var channels: Int { augmentations.normalization.channels }

  /// Updates in an epoch: the last incomplete batch is dropped.
  public var stepsPerEpoch: Int { pictures / batchSize }

  /// Updates in the whole run, K.
  public var totalSteps: Int { epochs * stepsPerEpoch }

  /// The epoch (0-based) in which an update (0-based) falls.
  public func epoch(step: Int) -> Int { stepsPerEpoch == 0 ? 0 : step / stepsPerEpoch }
}
