/// Whether the encoder still tells pictures apart, with the reasons and what to try.
public struct CollapseVerdict: Sendable, Hashable, Codable {
  /// The verdict in one word.
  public enum Health: String, Sendable, Codable, CaseIterable {
    /// The vectors are spread.
    case healthy
    /// Something points to a collapse; look again later.
    case suspect
    /// All pictures get nearly the same vector, or vectors in a few directions only.
    case collapsed
  }

  /// One report of the training.
  public struct Report: Sendable, Hashable, Codable {
    /// The update's number, 0-based.
    public var step: Int
    /// The loss, 0…8.
    public var loss: Double
    /// The mean cosine of predictions and projections, −1…1.
    public var cosine: Double

    /// A report.
    public init(step: Int, loss: Double, cosine: Double) {
      (self.step, self.loss, self.cosine) = (step, loss, cosine)
    }
  }

  /// The limits of the verdict, judged on representations and on their projections.
  ///
  /// A random ResNet's representations already share most of their direction (all features are
  /// positive), so the spread's limits lie well below 1.
  public struct Limits: Sendable, Hashable {
    /// A spread below this is a collapse.
    public var collapsedSpread = 0.02
    /// A spread below this is suspect.
    public var suspectSpread = 0.06
    /// An effective rank below this is a collapse: a line, or a point.
    public var collapsedRank = 1.2
    /// An effective rank below this is suspect.
    public var suspectRank = 2.0
    /// An effective rank below this share of the most it can be, min(N, D), is suspect: a dimensional collapse, in
    /// which vectors differ, but along a few directions only. A network that was not trained yet has about 0.4.
    public var suspectRelativeRank = 0.05
    /// A spread that fell to less than this fraction of the first measured one is suspect.
    public var fallenSpread = 0.25
    /// A spread of the projections below this is a collapse. It falls before that of the representations, which batch norm
    /// keeps apart for long: without a predictor it was 0.24 after 60 updates where BYOL's was 0.65, and a random network's
    /// was 0.79 (docs/operations.md).
    public var collapsedProjectionSpread = 0.25
    /// A spread of the projections below this is suspect.
    public var suspectProjectionSpread = 0.4
    /// A mean cosine of the loss above this is suspect, and with a suspect spread a collapse.
    public var suspectCosine = 0.995

    /// The limits that runs are judged by.
    public init() {}
  }

  /// The verdict.
  public var health: Health
  /// What was seen, with numbers; one sentence each. Never empty.
  public var evidence: [String]
  /// What to try; nil when healthy.
  public var advice: String?

  /// Judges the latest measures.
  ///
  /// - Parameters:
  ///   - measures: of the representations of different pictures, lately.
  ///   - projections: of their projections, in which a collapse shows first; nil if unknown.
  ///   - first: the same before or early in the training, to tell a fall; nil if unknown.
  ///   - history: the run's reports, oldest first; may be empty.
  ///   - limits: where the verdict changes.
  public init(
    _ measures: CollapseMeasures, projections: CollapseMeasures? = nil,
    first: CollapseMeasures? = nil, history: [Report] = [],
    limits: Limits = Limits()
  ) {
    let (ofVectors, ofLoss) = (
      Self.findings(measures, first, limits)
        + (projections.map { Self.findings(ofProjections: $0, limits) } ?? []),
      Self.findings(history, limits)
    )
    var findings = ofVectors + ofLoss
    // A high cosine alone is what training aims at; together with a narrow spread it is the collapse
    // that BYOL is known for.
    let isProven = findings.contains { $0.isProof } || (!ofVectors.isEmpty && !ofLoss.isEmpty)
    health = isProven ? .collapsed : findings.isEmpty ? .healthy : .suspect
    if findings.isEmpty { findings.append(Self.calm(measures)) }
    evidence = findings.map(\.sentence)
    advice = Self.advice(health)
  }

  /// A sentence, and whether it is enough alone.
  private struct Finding {
    var isProof: Bool
    var sentence: String
  }

  private static func findings(
    _ measures: CollapseMeasures, _ first: CollapseMeasures?, _ limits: Limits
  ) -> [Finding] {
    var found: [Finding] = []
    let spread =
      "The vectors' spread is \(percent(measures.spread)) of that of random directions, so that pictures get "
      + "nearly the same vector"
    if measures.spread < limits.collapsedSpread {
      found.append(Finding(isProof: true, sentence: spread + "."))
    } else if measures.spread < limits.suspectSpread {
      found.append(Finding(isProof: false, sentence: spread + "."))
    } else if let first, measures.spread < limits.fallenSpread * first.spread {
      let before = percent(first.spread)
      found.append(
        Finding(
          isProof: false,
          sentence:
            "The vectors' spread is \(percent(measures.spread)) of that of random directions; at the "
            + "start it was \(before)."))
    }
    let rank = "The vectors' effective rank is \(rank(measures))"
    if measures.effectiveRank < limits.collapsedRank {
      found.append(Finding(isProof: true, sentence: rank + ": they lie on one line."))
    } else if measures.effectiveRank < limits.suspectRank
      || measures.relativeRank < limits.suspectRelativeRank
    {
      found.append(
        Finding(
          isProof: false,
          sentence: rank
            + ": pictures differ along a few directions only, which is a dimensional collapse."))
    }
    return found
  }

  private static func findings(
    ofProjections measures: CollapseMeasures, _ limits: Limits
  ) -> [Finding] {
    guard measures.spread < limits.suspectProjectionSpread else { return [] }
    let cosine = rounded(measures.meanCosine)
    return [
      Finding(
        isProof: measures.spread < limits.collapsedProjectionSpread,
        sentence:
          "The projections' spread is \(percent(measures.spread)) of that of random directions, and those of different "
          + "pictures have a mean cosine of \(cosine): the loss is met by giving all pictures nearly the same one."
      )
    ]
  }

  /// The effective rank with the most it can be.
  private static func rank(_ measures: CollapseMeasures) -> String {
    "\(rounded(measures.effectiveRank)) of at most \(min(measures.count, measures.dimension))"
  }

  private static func findings(_ history: [Report], _ limits: Limits) -> [Finding] {
    if let broken = history.first(where: { !$0.loss.isFinite || !$0.cosine.isFinite }) {
      return [Finding(isProof: true, sentence: "The loss of step \(broken.step) is not finite.")]
    }
    guard let last = history.last, last.cosine > limits.suspectCosine else { return [] }
    let sentence = "Predictions and projections agree to a cosine of \(rounded(last.cosine))."
    return [Finding(isProof: false, sentence: sentence)]
  }

  private static func calm(_ measures: CollapseMeasures) -> Finding {
    let spread = percent(measures.spread)
    return Finding(
      isProof: false,
      sentence: """
        The vectors of different pictures differ: their spread is \(spread) of that of random directions, and they \
        use an effective rank of \(rank(measures)) directions.
        """)
  }

  private static func advice(_ health: Health) -> String? {
    switch health {
    case .healthy: nil
    case .suspect:
      """
      Watch the spread and the rank over the next epochs. If they stay low or go on falling, use a larger base tau \
      (0.99 or 0.996), a larger batch, or a lower learning rate.
      """
    case .collapsed:
      """
      Stop the run and start a new one with a larger base tau (0.99 or 0.996), a lower learning rate \
      or a longer warm-up, a batch of at least 64, and all augmentations on.
      """
    }
  }

  private static func percent(_ value: Double) -> String {
    let tenths = (value * 1000).rounded() / 10
    return "\(tenths) %"
  }

  private static func rounded(_ value: Double) -> String {
    let scaled = (value * 1000).rounded() / 1000
    return "\(scaled)"
  }
}
