import Evaluation
import Images

/// The views by which networks are compared without labels.
///
/// They are the same for every model, whatever it was trained with, so that figures of different recipes can be compared:
/// crops of at least three tenths of the area, flips, a mild change of brightness, contrast and saturation.
enum EvaluationViews {
  /// The most pictures of which views are made.
  static func pictureLimit(isQuick: Bool) -> Int {
    isQuick ? EvaluationLimits.quickViewed : EvaluationLimits.viewed
  }

  /// Views of each, the first two of which are searched for each other.
  static func count(isQuick: Bool) -> Int {
    isQuick ? EvaluationLimits.quickViews : EvaluationLimits.views
  }

  /// What renders them.
  static func renderer(side: Int, normalization: Normalization) -> ViewRenderer {
    var augmentation = ViewAugmentation.paperFirst
    augmentation.cropArea = [0.3, 1]
    (augmentation.brightness, augmentation.contrast) = (0.2, 0.2)
    (augmentation.saturation, augmentation.hue) = (0.1, 0)
    (augmentation.grayscaleProbability, augmentation.blurProbability) = (0, 0)
    augmentation.solarizeProbability = 0
    return ViewRenderer(augmentation: augmentation, normalization: normalization, side: side)
  }
}
