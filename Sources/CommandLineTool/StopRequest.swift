import Dispatch
import Foundation
import Synchronization

/// Whether the process was asked to stop: by SIGTERM or SIGINT or, for a worker, by the end of its input.
///
/// A worker ignores SIGINT, which a terminal sends to the whole group; a second signal to a command on a
/// terminal ends it at once. SIGPIPE is ignored.
final class StopRequest: Sendable {
  private let flag: Flag
  /// Kept alive only; set once and never read.
  private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

  /// The one bit that handlers set.
  private final class Flag: Sendable {
    let isSet = Atomic(false)

    /// Sets the flag; true if it was set before.
    func set() -> Bool { isSet.exchange(true, ordering: .relaxed) }
  }

  /// Whether anything asked.
  var isAsked: Bool { flag.isSet.load(ordering: .relaxed) }

  init(watchingInput: Bool) {
    let flag = Flag()
    self.flag = flag
    _ = signal(SIGPIPE, SIG_IGN)
    _ = signal(SIGINT, SIG_IGN)
    let numbers = watchingInput ? [SIGTERM] : [SIGTERM, SIGINT]
    unsafe sources = numbers.map { number in
      _ = signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(
        signal: number, queue: .global(qos: .userInitiated))
      source.setEventHandler {
        if flag.set(), !watchingInput { _exit(128 + number) }
      }
      source.resume()
      return source
    }
    if watchingInput {
      Thread.detachNewThread {
        var byte: UInt8 = 0
        while true {
          let count = unsafe read(STDIN_FILENO, &byte, 1)
          if count == 0 || (count < 0 && errno != EINTR) { break }
        }
        _ = flag.set()
      }
    }
  }
}
