/// What the queue of evaluations holds at most.
public struct EvaluationQueueLimits: Sendable, Hashable {
  /// Evaluations that may wait.
  public var waiting = 16
  /// Evaluations kept of a run; the oldest that are over go.
  public var keptPerRun = 50

  /// The defaults.
  public init() {}
}
