/// A bucket that fills at a rate and of which each request takes one: the rate holds in the long run, and after a pause
/// some may come at once.
public struct TokenBucket: Hashable, Sendable {
  /// Tokens per second that come.
  public let rate: Double
  /// Most tokens that it holds, one at least.
  public let capacity: Double
  private var level: Double
  private var filledAt: ContinuousClock.Instant

  /// A full bucket.
  ///
  /// - Precondition: `rate` is positive.
  public init(rate: Double, at time: ContinuousClock.Instant) {
    precondition(rate > 0, "a bucket that fills")
    self.rate = rate
    capacity = max(1, rate)
    level = capacity
    filledAt = time
  }

  /// Takes a token.
  ///
  /// - Returns: nil where one was there, else the seconds until one will be; nothing is taken then.
  public mutating func take(at time: ContinuousClock.Instant) -> Double? {
    level = min(capacity, level + max(0, filledAt.duration(to: time) / .seconds(1)) * rate)
    filledAt = max(filledAt, time)
    // A token that is there but for the rounding of a sum counts.
    guard level >= 1 - 1e-9 else { return (1 - level) / rate }
    level = max(0, level - 1)
    return nil
  }
}
