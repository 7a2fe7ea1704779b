import Dispatch
import Glibc

/// SIGHUP, SIGTERM and SIGINT as they come; their default action is switched off.
func signalsOfInterest() -> AsyncStream<Int32> {
  AsyncStream { continuation in
    nonisolated(unsafe) let sources = [SIGHUP, SIGTERM, SIGINT].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { @Sendable in continuation.yield(number) }
      source.resume()
      return source
    }
    continuation.onTermination = { _ in for source in unsafe sources { source.cancel() } }
  }
}
