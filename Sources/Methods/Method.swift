public import Images
public import Metrics
public import NeuralNetworks
public import TensorGraph

/// What is learned from views of unlabelled pictures, such as BYOL or SimCLR.
///
/// A method says which views it takes of each picture, and records one update's losses into the graph; from these come
/// the gradients, the optimizer's step and the moving averages. To add one: a file with a type that conforms, its line in
/// ``MethodName/methods``, and its golden test.
public protocol Method: Sendable {
  /// The name in recipes, in lower case.
  static var name: String { get }
  /// One sentence on what it is, with its source.
  static var sentence: String { get }
  /// Which of the settings it reads, besides encoder, views and projector.
  static var options: Set<MethodOption> { get }
  /// The method with the settings of a recipe.
  init(_ settings: MethodSettings)
  /// The views of each picture, in the order in which `record` takes them; at least one.
  var views: [ViewSpecification] { get }
  /// What it reports of every update: `loss` first, then the figures of `record` in their order.
  var metrics: [Metric] { get }
  /// Records the networks and the losses of one update.
  ///
  /// - Parameters:
  ///   - views: For each of the views one batch, `[N, C, side, side]`, normalised.
  ///   - update: Takes the losses, the networks and what is reported.
  func record(_ views: [Tensor], in update: inout UpdateRecording)
}

/// A setting that only some methods read.
public enum MethodOption: Hashable, Sendable, CaseIterable {
  /// A network that follows by τ.
  case tau
  /// A predictor.
  case predictor
  /// A temperature.
  case temperature
  /// Negatives, and terms of variance and covariance, beside the loss.
  case separation
  /// Local views beside the two global ones.
  case localViews
  /// The pictures' labels.
  case labels
}

/// What a recipe tells its method.
public struct MethodSettings: Hashable, Sendable {
  /// The encoder f.
  public var encoder: EncoderConfiguration
  /// The views that the recipe asks for.
  public var views: [ViewSpecification]
  /// Hidden units of the projector g.
  public var projectorHidden: Int
  /// Output dimensions of the projector, and of the predictor where there is one.
  public var projectorOutput: Int
  /// Hidden units of the predictor q.
  public var predictorHidden: Int
  /// Divides similarities before a softmax; greater than 0.
  public var temperature: Double
  /// β, the weight of negatives beside BYOL's loss; 0 for none.
  public var negativesWeight: Double
  /// The weight of the term that keeps the components of projections varying; 0 for none.
  public var varianceWeight: Double
  /// The weight of the term that keeps them uncorrelated; 0 for none.
  public var covarianceWeight: Double
  /// Labels of the pictures; 0 where the method does not learn from them.
  public var classes: Int

  /// The settings of a method.
  public init(
    encoder: EncoderConfiguration, views: [ViewSpecification], projectorHidden: Int,
    projectorOutput: Int, predictorHidden: Int, temperature: Double, negativesWeight: Double = 0,
    varianceWeight: Double = 0, covarianceWeight: Double = 0, classes: Int = 0
  ) {
    self.encoder = encoder
    self.views = views
    self.projectorHidden = projectorHidden
    self.projectorOutput = projectorOutput
    self.predictorHidden = predictorHidden
    self.temperature = temperature
    self.negativesWeight = negativesWeight
    self.varianceWeight = varianceWeight
    self.covarianceWeight = covarianceWeight
    self.classes = classes
  }
}

/// The name of a method: one of ``methods``.
public struct MethodName: RawRepresentable, Hashable, Sendable, Codable, CaseIterable {
  /// Every method of this product. A new one is one more line.
  public static let methods: [any Method.Type] = [
    BYOL.self,
    SimCLR.self,
    SimSiam.self,
    VICReg.self,
    FixedTarget.self,
    NoMovingAverage.self,
    MeanTeacher.self,
    DirectCopy.self,
    Supervised.self,
  ]

  /// The name.
  public let rawValue: String

  /// The method of that name; nil where there is none.
  public init?(rawValue: String) {
    guard MethodName.methods.contains(where: { $0.name == rawValue }) else { return nil }
    self.rawValue = rawValue
  }

  /// The name of a method.
  public init(_ method: any Method.Type) { rawValue = method.name }

  /// All names.
  public static var allCases: [MethodName] { methods.map { MethodName($0) } }

  /// The method's type.
  public var type: any Method.Type {
    guard let type = MethodName.methods.first(where: { $0.name == rawValue }) else {
      preconditionFailure("A name is only made of a method that exists.")
    }
    return type
  }

  /// The method of this name with some settings.
  public func method(_ settings: MethodSettings) -> any Method { type.init(settings) }
}
