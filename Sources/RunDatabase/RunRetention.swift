/// How much of a run's past is kept; a run that is deleted leaves nothing.
public struct RunRetention: Sendable {
  /// Newest updates whose figures are all kept; of older ones the peaks of every 256 stay.
  public var steps = 1_000_000
  /// Newest events of a run that are kept.
  public var events = 10_000

  /// The defaults.
  public init() {}
}
