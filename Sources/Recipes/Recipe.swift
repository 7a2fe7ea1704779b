public import Images
public import Methods
public import NeuralNetworks
public import TensorGraph

/// Everything an update reads and never changes: frozen when a run is accepted, stored with the run
/// and in every checkpoint.
///
/// `RecipeRequest.resolve` and `Recipe.init(decoding:)` make recipes whose fields are within the limits of
/// `RecipeField.all` and do not contradict each other. The initial values below stand only until a field is read or
/// chosen; what `auto` becomes is said in the table.
public struct Recipe: Hashable, Sendable {
  /// Which optimizer applies the gradients.
  public enum Optimizer: String, Hashable, Sendable, Codable, CaseIterable {
    /// Layer-wise adaptive rates over momentum (You et al. 2017, arXiv 1708.03888).
    case lars
    /// Heavy-ball momentum.
    case sgd
    /// Adam with decoupled weight decay (Loshchilov & Hutter, arXiv 1711.05101).
    case adamw
  }

  /// How the learning rate changes over the run.
  public enum RateSchedule: String, Hashable, Sendable, Codable, CaseIterable {
    /// Linear warm-up, then half a cosine to 0, as in the paper.
    case cosine
    /// Half a cosine from a 25th of the peak to the peak over the first 30 % of the run, then half a cosine to 10⁻⁴ of
    /// the 25th (Smith & Topin, arXiv 1708.07120, as PyTorch's `OneCycleLR` has it).
    case oneCycle = "one-cycle"
  }

  /// How the weight of terms beside the loss changes over the run.
  public enum TermsSchedule: String, Hashable, Sendable, Codable, CaseIterable {
    /// 1 throughout.
    case constant
    /// From 1 to 0 in a straight line.
    case linear
    /// From 1 to 0 along half a cosine.
    case cosine
  }

  /// How τ changes over the run.
  public enum TauSchedule: String, Hashable, Sendable, Codable, CaseIterable {
    /// From `baseTau` to 1 along half a cosine, as in the paper.
    case cosine
    /// `baseTau` throughout.
    case constant
  }

  /// What the trained encoder makes of a picture.
  public enum Embedding: String, Hashable, Sendable, Codable, CaseIterable {
    /// The representation y = f(x), as in the paper.
    case representation
    /// The feature maps of every stage beside whitened patches of the pictures, reduced by principal components and
    /// whitened, without labels.
    case whitened
  }

  /// What happens when the representation has collapsed.
  public enum OnCollapse: String, Hashable, Sendable, Codable, CaseIterable {
    /// The run goes on; its status says so.
    case proceed = "continue"
    /// The run fails, with its last checkpoint kept.
    case stop
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
  public var formatVersion = Recipe.currentFormatVersion
  /// The preset whose values fill what the request left open.
  public var preset = RecipePreset.small
  /// The seed of every random number of the run.
  public var seed: UInt64 = 0
  /// Training pictures in an epoch, before the incomplete last batch is dropped.
  public var pictures = 0
  /// Labels of the pictures, where the method learns from them; else 0.
  public var classes = 0
  /// What is learned from the views.
  public var method = MethodName(BYOL.self)
  /// About how many minutes the run may take; 0 for as many updates as `updates` or `epochs` say.
  public var minutes = 0.0
  /// The encoder f.
  public var encoder = EncoderConfiguration(architecture: .resnet18)
  /// The side of the square views, in pixels.
  public var imageSize = 32
  /// The side of the views at the beginning, which grows to `imageSize`.
  public var startingSize = 32
  /// Local views of each picture, beside the two global ones.
  public var localViews = 0
  /// The side of the local views, in pixels.
  public var localSize = 16
  /// What the trained encoder makes of a picture.
  public var embedding = Embedding.representation
  /// Components of an embedding that is not the representation itself.
  public var whitenedDimension = 512
  /// The side to which whole pictures are brought for embeddings, in pixels.
  public var embeddingSize = 32
  /// Hidden units of the projector g.
  public var projectorHidden = 4096
  /// Output dimensions of the projector and of the predictor.
  public var projectorOutput = 256
  /// Hidden units of the predictor q.
  public var predictorHidden = 4096
  /// Pictures in an update; each batch norm sees one view of all of them.
  public var batchSize = 2
  /// Equal parts of a batch that are computed one after the other; their gradients are averaged.
  public var accumulation = 1
  /// Updates of the run; 0 for as many as the epochs have.
  public var updates = 0
  /// Passes over the training pictures.
  public var epochs = 1
  /// The optimizer.
  public var optimizer = Optimizer.lars
  /// The learning rate for a batch of 256; the peak is this times `batchSize` / 256.
  public var baseLearningRate = 1.0
  /// Weight decay; not applied to biases nor batch norm.
  public var weightDecay = 0.0
  /// Momentum m ← momentum·m + g; AdamW's β₁.
  public var momentum = 0.0
  /// LARS's factor of ‖p‖/‖g‖; unused by the others.
  public var trustCoefficient = 1.0
  /// AdamW's β₂; unused by the others.
  public var secondMomentDecay = 0.999
  /// Multiplies the learning rate of the predictor.
  public var predictorRate = 1.0
  /// How the learning rate changes.
  public var rateSchedule = RateSchedule.cosine
  /// Epochs of linear warm-up; may be a fraction.
  public var warmupEpochs = 0.0
  /// τ at the first update.
  public var baseTau = 1.0
  /// How τ changes.
  public var tauSchedule = TauSchedule.constant
  /// Divides cosines before a softmax.
  public var temperature = 0.5
  /// β, the weight of negatives beside BYOL's loss.
  public var negativesWeight = 0.0
  /// The weight of the variance term beside BYOL's loss.
  public var varianceWeight = 0.0
  /// The weight of the covariance term beside BYOL's loss.
  public var covarianceWeight = 0.0
  /// How the weights of those terms change.
  public var termsSchedule = TermsSchedule.constant
  /// The distributions of views.
  public var augmentations = Augmentations()
  /// How strong the changes of the views are at the beginning, in 0…1; at the end of the run it is 1.
  public var startingStrength = 1.0
  /// A checkpoint is written each time this many updates are done; 0 for by time alone.
  public var checkpointEverySteps = 0
  /// A checkpoint is written when this many seconds have passed since the last.
  public var checkpointEverySeconds = 1.0
  /// Newest checkpoints that are kept.
  public var keepCheckpoints = 2
  /// Checkpoints between two that are judged on a part of the training pictures; 0 for none.
  public var evaluateEvery = 0
  /// What happens when the representation has collapsed.
  public var onCollapse = OnCollapse.proceed
  /// The number format of activations; weights and statistics are always float32.
  public var precision = Precision.float32
  /// What an update keeps in memory; the results do not depend on it.
  public var memory = Memory.full
}

extension Recipe {
  /// The initial values, for a recipe that is made in code and whose fields nobody asks for.
  public static var initial: Recipe { Recipe() }

  /// Channels of the pictures and of the views.
  public var channels: Int { augmentations.normalization.channels }

  /// Components of an embedding.
  public var embeddingDimension: Int {
    embedding == .whitened ? whitenedDimension : encoder.representationDimension
  }

  /// Pictures that a whitened embedding is fitted to, however large they are and however many features they have.
  public static let leastFitCount = 2048

  /// The most pictures that a whitened embedding is fitted to: 8,192 of up to 32 pixels, fewer of larger ones, which take longer,
  /// but `leastFitCount` of any.
  public var greatestFitCount: Int {
    let (most, side) = (8192, 32)
    let fitting = most * side * side / max(1, embeddingSize * embeddingSize)
    return min(most, max(Recipe.leastFitCount, fitting))
  }

  /// Updates in an epoch: the last incomplete batch is dropped.
  public var stepsPerEpoch: Int { batchSize < 1 ? 0 : pictures / batchSize }

  /// Updates in the whole run, K.
  public var totalSteps: Int { updates > 0 ? updates : epochs * stepsPerEpoch }

  /// The recipe with every field that has no effect on the speed of an update set to the same value: two recipes whose
  /// shapes are equal have equally fast updates on the same machine and dataset.
  public var updateShape: Recipe {
    let usual = Recipe()
    var shape = self
    for field in RecipeField.withoutEffectOnSpeed { field.access.copy(from: usual, to: &shape) }
    return shape
  }

  /// The epoch (0-based) in which an update (0-based) falls.
  public func epoch(step: Int) -> Int { stepsPerEpoch == 0 ? 0 : step / stepsPerEpoch }
}
