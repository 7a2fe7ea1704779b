/// What an evaluation found: the model beside the baselines that cost nothing.
public struct EvaluationReport: Sendable, Hashable, Codable {
  /// What is judged.
  public enum Subject: String, Sendable, Hashable, Codable, CaseIterable {
    /// The model.
    case model
    /// The model's network at random weights and initial statistics.
    case randomNetwork = "random_network"
    /// `ImageStatistics`, standardised.
    case imageStatistics = "image_statistics"
    /// `WhitenedPatches`.
    case whitenedPatches = "whitened_patches"
    /// The square roots of those, by a `WhitenedProjection`.
    case projectedPatches = "projected_patches"

    /// The name for people.
    public var title: String {
      switch self {
      case .model: "the model"
      case .randomNetwork: "the random network"
      case .imageStatistics: "image statistics"
      case .whitenedPatches: "whitened patches"
      case .projectedPatches: "patches, projected"
      }
    }
  }

  /// How often a protocol's answers were right.
  public struct Accuracy: Sendable, Hashable, Codable {
    /// The protocol.
    public var `protocol`: EvaluationProtocol
    /// The fraction of all judged pictures, 0…1.
    public var top1: Double
    /// λ of a linear probe, as chosen on a tenth of the reference pictures.
    public var regularisation: Double?
    /// The base learning rate of a linear classifier by SGD, as chosen on a tenth of the reference pictures.
    public var learningRate: Double?
    /// The random crops of each reference picture that such a classifier learned from.
    public var crops: Int?

    /// An accuracy.
    public init(
      _ protocol: EvaluationProtocol, top1: Double, regularisation: Double? = nil,
      learningRate: Double? = nil, crops: Int? = nil
    ) {
      (self.protocol, self.top1, self.regularisation) = (`protocol`, top1, regularisation)
      (self.learningRate, self.crops) = (learningRate, crops)
    }
  }

  /// Measures without labels.
  public struct LabelFreeFigures: Sendable, Hashable, Codable {
    /// `LabelFree.rankMe` of the judged pictures' vectors.
    public var rankMe: Double
    /// `LabelFree.lidar` of views of them.
    public var lidar: Double
    /// `LabelFree.viewRecall` of the first two views of each.
    public var viewRecall: Double
    /// `LabelFree.meanCosine` of the judged pictures' vectors.
    public var meanCosine: Double

    /// Measures given by hand.
    public init(rankMe: Double, lidar: Double, viewRecall: Double, meanCosine: Double) {
      (self.rankMe, self.lidar) = (rankMe, lidar)
      (self.viewRecall, self.meanCosine) = (viewRecall, meanCosine)
    }
  }

  /// What was found of one subject.
  public struct Row: Sendable, Hashable, Codable {
    /// What was judged.
    public var subject: Subject
    /// Components of a vector.
    public var dimension: Int
    /// One for each protocol that can judge it, in the order asked for; empty without labels.
    public var accuracies: [Accuracy]
    /// nil for what is no network.
    public var labelFree: LabelFreeFigures?

    /// A row.
    public init(
      _ subject: Subject, dimension: Int, accuracies: [Accuracy] = [],
      labelFree: LabelFreeFigures? = nil
    ) {
      (self.subject, self.dimension) = (subject, dimension)
      (self.accuracies, self.labelFree) = (accuracies, labelFree)
    }
  }

  /// On which pictures.
  public struct Pictures: Sendable, Hashable, Codable {
    /// Where the judged ones are from.
    public var split: EvaluationSplit.Source
    /// Pictures judged.
    public var judged: Int
    /// Pictures that they are compared with.
    public var reference: Int
    /// Pictures on both sides before any limit.
    public var available: Int
    /// Classes among the reference pictures; nil without labels.
    public var classes: Int?
    /// Judged pictures that have an equal or a nearly equal one among the reference pictures; nil without labels, and in reports of
    /// earlier versions.
    public var repeated: Int?
    /// Judged pictures of which views were made, and views of each.
    public var viewed: Int
    /// Views of each of those.
    public var viewsPerPicture: Int
    /// True where a fixed part of them was taken.
    public var isQuick: Bool
    /// The seed of all that was drawn.
    public var seed: UInt64

    /// Pictures.
    public init(
      _ split: EvaluationSplit, available: Int, classes: Int?, repeated: Int? = nil, viewed: Int,
      viewsPerPicture: Int, isQuick: Bool, seed: UInt64
    ) {
      (self.split, judged, reference) = (split.source, split.judged.count, split.reference.count)
      (self.available, self.repeated) = (available, repeated)
      (self.classes, self.viewed, self.viewsPerPicture) = (classes, viewed, viewsPerPicture)
      (self.isQuick, self.seed) = (isQuick, seed)
    }
  }

  /// On which pictures.
  public var pictures: Pictures
  /// The model first.
  public var rows: [Row]
  /// The seed of the random network's weights.
  public var networkSeed: UInt64
  /// Seconds that it took.
  public var seconds: Double
  /// What a reader has to know, in words: where the model is below a baseline, and what limits the figures.
  public var sentences: [String]

  /// A report; its sentences follow from the rest.
  public init(pictures: Pictures, rows: [Row], networkSeed: UInt64, seconds: Double) {
    (self.pictures, self.rows) = (pictures, rows)
    (self.networkSeed, self.seconds) = (networkSeed, seconds)
    sentences = []
    sentences = findings + limits
  }
}
