/// What the queue of evaluations holds at most.
public struct EvaluationQueueLimits: Sendable, Hashable {
  /// Evaluations that may wait.
  public var waiting = 16
  /// Evaluations kept of a run, and of a model that belongs to none; the oldest that are over go.
  public var kept = 50

  /// The defaults.
  public init() {}
}
