public import Images
public import TensorGraph

/// What a recipe must know of a dataset.
public struct DatasetSize: Hashable, Sendable, Codable {
  /// Training pictures.
  public var pictures: Int
  /// The median of the pictures' shorter sides, in pixels.
  public var medianShortSide: Int
  /// The pictures' channels.
  public var channels: Int
  /// The mean and the deviation of the pictures' channels, in 0…1; nil where nobody measured.
  public var normalization: Normalization?
  /// Whether the pictures have an upright, so that turned ones are unlike all others; nil where nobody measured.
  public var hasUpright: Bool?
  /// The labels of the dataset where every training picture has one and they differ; nil where not.
  public var classes: Int?
  /// How many of the training pictures that were compared differ from all before them; nil where nobody compared.
  public var distinctPictures: Int?
  /// How many were compared; nil where nobody did.
  public var comparedPictures: Int?

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
    normalization = try values.decodeIfPresent(Normalization.self, forKey: .normalization)
    hasUpright = try values.decodeIfPresent(Bool.self, forKey: .hasUpright)
    classes = try values.decodeIfPresent(Int.self, forKey: .classes)
    distinctPictures = try values.decodeIfPresent(Int.self, forKey: .distinctPictures)
    comparedPictures = try values.decodeIfPresent(Int.self, forKey: .comparedPictures)
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

/// What the fields' defaults depend on besides the fields before them.
struct RecipeSituation {
  let dataset: DatasetSize
  let machine: MachineSize
  /// Bytes of memory that a training process needs for a recipe.
  let trainingByteCount: (Recipe) -> Int
  /// Training pictures per second of a recipe on the machine.
  let picturesPerSecond: (Recipe) -> Double

  /// What the recipe's preset says of the fields.
  func preset(_ recipe: Recipe) -> PresetValues { recipe.preset.values }
}
