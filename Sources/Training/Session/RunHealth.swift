public import Evaluation

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

/// Whether the representation is alive.
public struct RunHealth: Hashable, Sendable, Codable {
  /// The verdict.
  public var verdict: CollapseVerdict.Health
  /// The figures it rests on, in a sentence.
  public var evidence: String
  /// What to do, in a sentence; empty while healthy.
  public var advice: String

  /// A judgement.
  public init(verdict: CollapseVerdict.Health, evidence: String, advice: String) {
    self.verdict = verdict
    self.evidence = evidence
    self.advice = advice
  }

  /// A collapse verdict as a run's status shows it.
  public init(_ verdict: CollapseVerdict) {
    self.init(
      verdict: verdict.health, evidence: verdict.evidence.joined(separator: " "),
      advice: verdict.advice ?? "")
  }
}
