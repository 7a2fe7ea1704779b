import Dispatch
import Glibc

/// SIGTERM and SIGINT as they come; their default action is switched off.
func terminationSignals() -> AsyncStream<Void> {
  AsyncStream { continuation in
    nonisolated(unsafe) let sources = [SIGTERM, SIGINT].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { @Sendable in continuation.yield() }
      source.resume()
      return source
    }
    continuation.onTermination = { _ in for source in unsafe sources { source.cancel() } }
  }
}
