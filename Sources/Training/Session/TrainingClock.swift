import Glibc

/// Time as a training session knows it, passed in so that tests decide how long anything takes.
public struct TrainingClock: Sendable {
  /// Monotonic time, by which reports, judgements and checkpoints come.
  public var instant: @Sendable () -> ContinuousClock.Instant
  /// Waits on the calling thread; may end early.
  public var pause: @Sendable (Duration) -> Void

  /// The system's time, or other functions in its place.
  public init(
    instant: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock().now },
    pause: (@Sendable (Duration) -> Void)? = nil
  ) {
    self.instant = instant
    self.pause = pause ?? { sleep(for: $0) }
  }
}

/// Suspends the calling thread, or less long where a signal arrives.
private func sleep(for duration: Duration) {
  usleep(useconds_t(clamping: Int64(duration / .microseconds(1))))
}
