import Dispatch
import Glibc

/// SIGTERM and SIGINT as events. From its making on these signals no longer end the process.
final class StopSignals: Sendable {
  /// Kept alive only; set once and never read.
  private nonisolated(unsafe) let sources: [any DispatchSourceSignal]
  private let stream: AsyncStream<Void>

  init() {
    let (stream, arrived) = AsyncStream.makeStream(of: Void.self)
    self.stream = stream
    unsafe sources = [SIGTERM, SIGINT].map { number in
      _ = signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number)
      source.setEventHandler { arrived.yield() }
      source.resume()
      return source
    }
    _ = signal(SIGPIPE, SIG_IGN)
  }

  /// Returns at the first signal.
  func first() async {
    for await _ in stream { return }
  }

  /// Returns at a signal that comes a second or more after `first` returned, or when the task is cancelled.
  ///
  /// One request to stop often arrives as several signals: `timeout`, for one, signals the process and then
  /// its group.
  func second() async {
    let earliest = ContinuousClock.now + .seconds(1)
    for await _ in stream where ContinuousClock.now >= earliest { return }
  }
}
