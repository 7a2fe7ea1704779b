/// The distribution from which one view's random changes are drawn (Grill et al. 2020, appendix B).
///
/// The changes are applied in this order: crop, flips, quarter turn, colour jitter, grayscale, blur, solarize.
public struct ViewAugmentation: Hashable, Sendable, Codable {
  /// The least and the greatest area of the crop, as fractions of the picture's; within 0…1.
  public var cropArea: [Float] = [0.08, 1]
  /// The least and the greatest ratio of the crop's width to its height, uniform in its logarithm.
  public var cropAspect: [Float] = [0.75, 4.0 / 3]
  /// Probability of a horizontal flip.
  public var flipProbability: Float = 0.5
  /// Probability that the four colour changes are applied, in random order, each clipped to 0…1.
  public var colorJitterProbability: Float = 0.8
  /// Brightness: adds a value uniform in ±this.
  public var brightness: Float = 0.4
  /// Contrast: a factor uniform in 1 ± this, about each channel's mean over the view.
  public var contrast: Float = 0.4
  /// Saturation: a factor uniform in 1 ± this, on the saturation of HSV, clipped to 0…1.
  public var saturation: Float = 0.2
  /// Hue: a turn uniform in ±this, in whole turns; within 0…0.5.
  public var hue: Float = 0.1
  /// Probability of conversion to gray (0.2989, 0.5870, 0.1140).
  public var grayscaleProbability: Float = 0.2
  /// Probability of a Gaussian blur with a kernel of a tenth of the side.
  public var blurProbability: Float
  /// The least and the greatest standard deviation of the blur, in pixels.
  public var blurSigma: [Float] = [0.1, 2]
  /// Probability of inverting every value at or above `solarizeThreshold`.
  public var solarizeProbability: Float
  /// The threshold of solarization, within 0…1.
  public var solarizeThreshold: Float = 0.5
  /// Probability of a flip top to bottom; not in the paper, for pictures without an upright.
  public var verticalFlipProbability: Float = 0
  /// Probability of a turn by 90°, clockwise or counter-clockwise; not in the paper, for pictures without an upright.
  public var quarterTurnProbability: Float = 0
}

extension ViewAugmentation {
  /// The paper's first view: always blurred, never solarized.
  public static let paperFirst = ViewAugmentation(blurProbability: 1, solarizeProbability: 0)
  /// The paper's second view: blurred in one of ten, solarized in two of ten.
  public static let paperSecond = ViewAugmentation(blurProbability: 0.1, solarizeProbability: 0.2)
  /// A mild view for runs of minutes: a fifth of the picture at least, colours nearly as they are.
  public static let mild = ViewAugmentation(
    cropArea: [0.2, 1], brightness: 0.2, contrast: 0.2, saturation: 0.1, hue: 0.02,
    grayscaleProbability: 0, blurProbability: 0, solarizeProbability: 0)
  /// A local view: 5 to 25 % of the picture's area (Caron et al. 2020, arXiv 2006.09882, have 5 to 14 %), mild colour.
  public static let local = ViewAugmentation(
    cropArea: [0.05, 0.25], blurProbability: 0.1, solarizeProbability: 0)
}

extension ViewAugmentation {
  /// The same changes, weaker: colour, gray, blur and solarization in proportion, and a least area of the crop that is as much
  /// nearer to the greatest. Flips and turns stay. A strength of 1 is the distribution itself.
  public func scaled(by strength: Float) -> ViewAugmentation {
    guard strength < 1 else { return self }
    var weaker = self
    weaker.cropArea[0] = cropArea[1] - (cropArea[1] - cropArea[0]) * strength
    for change in [\ViewAugmentation.brightness, \.contrast, \.saturation, \.hue] {
      weaker[keyPath: change] *= strength
    }
    for probability in [
      \ViewAugmentation.grayscaleProbability, \.blurProbability, \.solarizeProbability,
    ] {
      weaker[keyPath: probability] *= strength
    }
    return weaker
  }
}

/// How the strength of views' changes grows over a run: in a straight line from the first update to the last.
public struct AugmentationGrowth: Hashable, Sendable {
  /// The strength at update 0, in 0…1.
  public var first: Float
  /// The updates of the run, at the end of which it is 1.
  public var updates: Int

  /// No growth: every update has the full strength.
  public static let none = AugmentationGrowth(first: 1, updates: 1)

  /// A growth from `first` to 1.
  public init(first: Float, updates: Int) {
    (self.first, self.updates) = (first, updates)
  }

  /// The strength of an update (0-based), in 0…1.
  public func strength(step: Int) -> Float {
    first + (1 - first) * min(1, Float(step) / Float(max(1, updates)))
  }
}

/// One of the views that a method takes of each picture.
public struct ViewSpecification: Hashable, Sendable, Codable {
  /// The distribution of its random changes.
  public var augmentation: ViewAugmentation
  /// Its side, in pixels.
  public var side: Int

  /// A view of `side` × `side` pixels.
  public init(augmentation: ViewAugmentation, side: Int) {
    self.augmentation = augmentation
    self.side = side
  }
}

/// The distributions of views, and the normalisation of what the encoder sees.
public struct Augmentations: Hashable, Sendable, Codable {
  /// The distribution of view 1.
  public var first = ViewAugmentation.paperFirst
  /// The distribution of view 2.
  public var second = ViewAugmentation.paperSecond
  /// The distribution of the views after the second, which are local: small crops of their own size.
  public var local = ViewAugmentation.local
  /// What the encoder's input subtracts and divides by.
  public var normalization = Normalization()

  /// The paper's augmentations.
  public init() {}

  /// Both global views with a side of `side` pixels, and `localCount` views of `localSide` pixels.
  public func views(side: Int, localCount: Int = 0, localSide: Int = 1) -> [ViewSpecification] {
    [first, second].map { ViewSpecification(augmentation: $0, side: side) }
      + (0..<localCount).map { _ in ViewSpecification(augmentation: local, side: localSide) }
  }
}

/// Per-channel affine map of values in 0…1 to what the encoder sees: `(value − mean) / deviation`.
public struct Normalization: Hashable, Sendable, Codable {
  /// Subtracted from red, green and blue, or as many other channels.
  public var mean: [Float] = [0.485, 0.456, 0.406]
  /// Divides them; each greater than 0, as many as of `mean`.
  public var deviation: [Float] = [0.229, 0.224, 0.225]

  /// ImageNet's mean and deviation.
  public init() {}

  /// ImageNet's for three channels; for other numbers one half and a quarter each, measured on no pictures.
  public init(channels: Int) {
    guard channels != 3 else { return }
    mean = Array(repeating: 0.5, count: channels)
    deviation = Array(repeating: 0.25, count: channels)
  }

  /// The values 0…1 as they are: subtracts 0 and divides by 1.
  public static func identity(channels: Int) -> Normalization {
    var identity = Normalization()
    identity.mean = Array(repeating: 0, count: channels)
    identity.deviation = Array(repeating: 1, count: channels)
    return identity
  }

  /// How many channels pictures have that are normalised so.
  public var channels: Int { mean.count }
}
