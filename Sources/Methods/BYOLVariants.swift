public import Images
public import Metrics
public import TensorGraph

// The ablations of Grill et al. 2020 that change what is predicted, or by what: each is BYOL but for one thing.

/// BYOL whose target keeps its random first weights (Grill et al. 2020, table 5a, τ = 1).
public struct FixedTarget: Method {
  /// The name in recipes.
  public static let name = "fixed-target"
  /// What it is.
  public static let sentence =
    "BYOL whose target network keeps its random weights (Grill et al. 2020, table 5a, τ = 1)."
  /// What it reads of the settings.
  public static let options: Set<MethodOption> = [
    .predictor, .temperature, .separation, .localViews,
  ]

  private let method: BYOL

  /// The method with the settings of a recipe.
  public init(_ settings: MethodSettings) {
    method = BYOL(settings, target: .fixed, hasPredictor: true)
  }

  /// BYOL's views.
  public var views: [ViewSpecification] { method.views }
  /// BYOL's metrics.
  public var metrics: [Metric] { method.metrics }

  /// Records BYOL's losses against the fixed network.
  public func record(_ views: [Tensor], in update: inout UpdateRecording) {
    method.record(views, in: &update)
  }
}

/// BYOL without the moving average: the online network predicts its own projections (Grill et al. 2020, appendix I).
///
/// Without a predictor that learns faster it learns little: a recipe may multiply the predictor's learning rate.
public struct NoMovingAverage: Method {
  /// The name in recipes.
  public static let name = "no-ema"
  /// What it is.
  public static let sentence =
    "BYOL that predicts its own projections, without a moving average (Grill et al. 2020, appendix I)."
  /// What it reads of the settings.
  public static let options: Set<MethodOption> = [
    .predictor, .temperature, .separation, .localViews,
  ]

  private let method: BYOL

  /// The method with the settings of a recipe.
  public init(_ settings: MethodSettings) {
    method = BYOL(settings, target: .online, hasPredictor: true)
  }

  /// BYOL's views.
  public var views: [ViewSpecification] { method.views }
  /// BYOL's metrics.
  public var metrics: [Metric] { method.metrics }

  /// Records BYOL's losses against the online network's own projections.
  public func record(_ views: [Tensor], in update: inout UpdateRecording) {
    method.record(views, in: &update)
  }
}

/// BYOL without the predictor (Grill et al. 2020, table 5b, "Mean Teacher"): it collapses unless something keeps
/// projections apart.
public struct MeanTeacher: Method {
  /// The name in recipes.
  public static let name = "mean-teacher"
  /// What it is.
  public static let sentence =
    "BYOL without a predictor, which collapses unless negatives keep projections apart (Grill et al. 2020, table 5b)."
  /// What it reads of the settings.
  public static let options: Set<MethodOption> = [.tau, .temperature, .separation, .localViews]

  private let method: BYOL

  /// The method with the settings of a recipe.
  public init(_ settings: MethodSettings) {
    method = BYOL(settings, target: .movingAverage, hasPredictor: false)
  }

  /// BYOL's views.
  public var views: [ViewSpecification] { method.views }
  /// BYOL's metrics.
  public var metrics: [Metric] { method.metrics }

  /// Records BYOL's losses with projections in place of predictions.
  public func record(_ views: [Tensor], in update: inout UpdateRecording) {
    method.record(views, in: &update)
  }
}
