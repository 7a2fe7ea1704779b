public import Datasets
public import Evaluation

/// The pictures of a pack that an evaluation looks at.
public struct PackSplit {
  /// Which are judged, and with which they are compared.
  public let split: EvaluationSplit
  /// Pictures on both sides before any limit.
  public let available: Int
  /// Classes among the reference pictures, at least two; nil where there is nothing to judge by labels.
  public let classes: Int?

  /// Chooses among the labelled pictures, if those of two classes are among what they are compared with; else among all.
  ///
  /// The draws are the same for every model: figures of two models are of the same pictures. nil where there are too few.
  ///
  /// - Parameters:
  ///   - pack: The pictures.
  ///   - isQuick: Whether a fixed part of them is enough.
  ///   - isWithinTraining: Whether the pictures judged are a part of `train`, so that whoever chooses by the figures has not
  ///     looked at a held-out split.
  public init?(_ pack: Pack, isQuick: Bool, isWithinTraining: Bool = false) {
    func choose(_ isIn: (Int) -> Bool) -> EvaluationSplit? {
      func pictures(_ split: Split) -> [Int] {
        isWithinTraining && split != .train ? [] : pack.pictures(in: split).filter(isIn)
      }
      return EvaluationSplit(
        train: pictures(.train), validation: pictures(.validation), test: pictures(.test),
        seed: Self.seed)
    }
    let labelled = choose { pack[$0].label != nil }
    let found = labelled.map { Set($0.reference.compactMap { pack[$0].label }).count } ?? 0
    guard let whole = found >= 2 ? labelled : choose({ _ in true }) else { return nil }
    split = whole.limited(
      judged: isQuick ? EvaluationLimits.quickJudged : EvaluationLimits.judged,
      reference: isQuick ? EvaluationLimits.quickReference : EvaluationLimits.reference,
      seed: Self.seed)
    available = whole.judged.count + whole.reference.count
    let left = Set(split.reference.compactMap { pack[$0].label }).count
    classes = found >= 2 && left >= 2 ? left : nil
  }

  /// The seed of what is drawn from the pictures: held-out ones, parts, patches, views.
  public static let seed: UInt64 = 0
}
