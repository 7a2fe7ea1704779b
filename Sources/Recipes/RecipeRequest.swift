public import Images
public import JSONTree
public import NeuralNetworks
public import TensorGraph

/// A value of a request: given, or left to the preset, the dataset and the machine.
public enum Setting<Value: Sendable & Hashable>: Sendable, Hashable {
  /// `"auto"`, `null` or absent.
  case auto
  /// Given.
  case value(Value)

  /// The value, if given.
  public var given: Value? { if case .value(let value) = self { value } else { nil } }
}

/// What a caller asks of a run: each hyper-parameter given or `auto`. Resolved into a `Recipe`.
public struct RecipeRequest: Hashable, Sendable {
  /// `preset`
  public var preset: Setting<RecipePreset> = .auto
  /// `seed`
  public var seed: Setting<UInt64> = .auto
  /// `architecture`
  public var architecture: Setting<EncoderConfiguration.Architecture> = .auto
  /// `width`
  public var width: Setting<Double> = .auto
  /// `stem`
  public var stem: Setting<EncoderConfiguration.Stem> = .auto
  /// `image_size`
  public var imageSize: Setting<Int> = .auto
  /// `projector_hidden`
  public var projectorHidden: Setting<Int> = .auto
  /// `projector_output`
  public var projectorOutput: Setting<Int> = .auto
  /// `predictor_hidden`
  public var predictorHidden: Setting<Int> = .auto
  /// `batch_size`
  public var batchSize: Setting<Int> = .auto
  /// `epochs`
  public var epochs: Setting<Int> = .auto
  /// `optimizer`
  public var optimizer: Setting<Recipe.Optimizer> = .auto
  /// `base_learning_rate`
  public var baseLearningRate: Setting<Double> = .auto
  /// `weight_decay`
  public var weightDecay: Setting<Double> = .auto
  /// `momentum`
  public var momentum: Setting<Double> = .auto
  /// `trust_coefficient`
  public var trustCoefficient: Setting<Double> = .auto
  /// `warmup_epochs`
  public var warmupEpochs: Setting<Double> = .auto
  /// `base_tau`
  public var baseTau: Setting<Double> = .auto
  /// `tau_schedule`
  public var tauSchedule: Setting<Recipe.TauSchedule> = .auto
  /// `augmentations`
  public var augmentations: Setting<Augmentations> = .auto
  /// `checkpoint_every_steps`
  public var checkpointEverySteps: Setting<Int> = .auto
  /// `checkpoint_every_seconds`
  public var checkpointEverySeconds: Setting<Double> = .auto
  /// `precision`
  public var precision: Setting<Precision> = .auto
  /// `memory`
  public var memory: Setting<Recipe.Memory> = .auto

  /// A request that leaves everything open.
  public init() {}
}

/// One field of a request that cannot be accepted.
public struct FieldProblem: Error, Hashable, Sendable, Codable {
  /// What kind of problem it is.
  public enum Code: String, Hashable, Sendable, Codable, CaseIterable {
    /// No such field.
    case unknownField = "unknown_field"
    /// A value of another kind, such as a string for a number.
    case wrongType = "wrong_type"
    /// Not one of the listed values.
    case unknownValue = "unknown_value"
    /// A number outside the limits.
    case outOfRange = "out_of_range"
    /// Two fields contradict each other.
    case conflict
    /// The dataset has too few pictures for the batch.
    case tooFewPictures = "too_few_pictures"
  }

  /// The field's path: `batch_size`, `augmentations.first.hue`.
  public var field: String
  /// The value that was given, `null` where it was left open.
  public var value: JSONValue
  /// What is allowed, in words.
  public var allowed: String
  /// What kind of problem it is.
  public var code: Code

  /// A problem with one field.
  public init(field: String, value: JSONValue, allowed: String, code: Code) {
    self.field = field
    self.value = value
    self.allowed = allowed
    self.code = code
  }
}

/// What a recipe must know of a dataset.
public struct DatasetSize: Hashable, Sendable, Codable {
  /// Training pictures.
  public var pictures: Int
  /// The median of the pictures' shorter sides, in pixels.
  public var medianShortSide: Int
  /// The pictures' channels.
  public var channels: Int

  /// The size of a dataset.
  public init(pictures: Int, medianShortSide: Int, channels: Int = 3) {
    self.pictures = pictures
    self.medianShortSide = medianShortSide
    self.channels = channels
  }

  /// What an earlier version wrote names no channels: there were three.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    pictures = try values.decode(Int.self, forKey: .pictures)
    medianShortSide = try values.decode(Int.self, forKey: .medianShortSide)
    channels = try values.decodeIfPresent(Int.self, forKey: .channels) ?? 3
  }
}

/// What a recipe must know of the machine.
public struct MachineSize: Hashable, Sendable, Codable {
  /// Processor cores for training.
  public var cores: Int
  /// Memory in bytes.
  public var memoryByteCount: Int
  /// The fastest number format that the processor multiplies.
  public var precision: Precision

  /// The size of a machine.
  public init(cores: Int, memoryByteCount: Int, precision: Precision = .float32) {
    self.cores = cores
    self.memoryByteCount = memoryByteCount
    self.precision = precision
  }
}

/// Everything that keeps a request from becoming a recipe.
public struct RecipeProblems: Error, Hashable, Sendable {
  /// The problems, at least one, in the order of the fields.
  public var problems: [FieldProblem]

  /// The problems of a request.
  public init(problems: [FieldProblem]) { self.problems = problems }
}

/// A recipe and what its owner should know of it.
public struct ResolvedRecipe: Hashable, Sendable {
  /// The frozen recipe.
  public var recipe: Recipe
  /// Sentences about choices that are allowed and likely to disappoint.
  public var warnings: [String]
}
