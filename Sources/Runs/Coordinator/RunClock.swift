public import Identifiers

/// Time as a coordinator knows it, passed in so that tests decide how long anything takes.
public struct RunClock: Sendable {
  /// The time of day. It is shown to people, and nothing is decided by it, since clocks jump.
  public var timeOfDay: @Sendable () -> Timestamp
  /// Monotonic time, by which limits and pauses are measured.
  public var instant: @Sendable () -> ContinuousClock.Instant
  /// Waits; ends early, by throwing, where the task is cancelled.
  public var pause: @Sendable (Duration) async throws -> Void

  /// The system's time, or other functions in its place.
  public init(
    timeOfDay: @escaping @Sendable () -> Timestamp = { .now() },
    instant: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock().now },
    pause: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  ) {
    self.timeOfDay = timeOfDay
    self.instant = instant
    self.pause = pause
  }
}
