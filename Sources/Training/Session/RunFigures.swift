/// Why a run is in its state.
public struct RunReason: Hashable, Sendable, Codable {
  /// A word for programs: see `docs/operations.md` for the list.
  public var code: String
  /// A sentence for people.
  public var detail: String

  /// A reason.
  public init(code: String, detail: String) {
    self.code = code
    self.detail = detail
  }
}

/// The figures of one update; `nil` where unknown or not finite.
public struct RunMetrics: Hashable, Sendable, Codable {
  /// The loss, 0…8.
  public var loss: Double?
  /// Mean cosine of prediction and target projection, −1…1.
  public var cosine: Double?
  /// The learning rate of the update.
  public var learningRate: Double?
  /// τ of the target's move after the update.
  public var tau: Double?
  /// Mean over the dimensions of the standard deviation of l2-normalised representations;
  /// healthy about 1/√d.
  public var embeddingStd: Double?

  /// The figures of an update.
  public init(
    loss: Double? = nil, cosine: Double? = nil, learningRate: Double? = nil, tau: Double? = nil,
    embeddingStd: Double? = nil
  ) {
    self.loss = loss
    self.cosine = cosine
    self.learningRate = learningRate
    self.tau = tau
    self.embeddingStd = embeddingStd
  }
}

/// Whether the representation is alive.
public struct RunHealth: Hashable, Sendable, Codable {
  /// The verdict.
  public enum Verdict: String, Hashable, Sendable, Codable, CaseIterable {
    /// Nothing speaks against it.
    case healthy
    /// Some figure is unusual.
    case suspect
    /// The representation no longer depends on the picture.
    case collapsed
  }

  /// The verdict.
  public var verdict: Verdict
  /// The figures it rests on, in a sentence.
  public var evidence: String
  /// What to do, in a sentence; empty while healthy.
  public var advice: String

  /// A judgement.
  public init(verdict: Verdict, evidence: String, advice: String) {
    self.verdict = verdict
    self.evidence = evidence
    self.advice = advice
  }
}
