import Foundation
import Identifiers
import Logging
import Synchronization

/// Writes each message as one line.
struct LineLogHandler: LogHandler {
  let format: LogFormat
  let output: LogOutput
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]

  init(format: LogFormat, level: Logger.Level, output: LogOutput = .standardError) {
    (self.format, logLevel, self.output) = (format, level, output)
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let all = metadata.merging(event.metadata ?? [:]) { $1 }
    output.write(
      format.line(
        at: .now(), level: event.level, message: "\(event.message)", metadata: all))
  }
}

/// Where lines go, one after the other.
final class LogOutput: Sendable {
  /// The process's standard error. Nobody may be reading it any more: that ends no service.
  static let standardError = LogOutput { line in
    try? FileHandle.standardError.write(contentsOf: Data(line.utf8))
  }

  private let sink: Mutex<@Sendable (String) -> Void>

  init(_ sink: @escaping @Sendable (String) -> Void) { self.sink = Mutex(sink) }

  /// Writes a line and its end.
  func write(_ line: String) { sink.withLock { $0(line + "\n") } }
}
