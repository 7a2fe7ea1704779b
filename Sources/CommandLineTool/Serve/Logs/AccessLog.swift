import HTTP
import Logging

/// A line for each answered request, with the name of the key that asked. Queries, fields and the keys themselves are not in it.
struct AccessLog: Sendable {
  let logger: Logger
  let level: Logger.Level

  func write(_ exchange: Exchange) {
    guard logger.logLevel <= level else { return }
    var metadata: Logger.Metadata = [
      "request": "\(exchange.requestID)", "method": "\(exchange.method)",
      "route": "\(exchange.route ?? "none")", "path": "\(exchange.path.prefix(256))",
      "status": .stringConvertible(exchange.status),
      "bytes_in": .stringConvertible(exchange.bytesIn),
      "bytes_out": .stringConvertible(exchange.bytesOut),
      "milliseconds": .stringConvertible(milliseconds(exchange.duration)),
      "client": "\(exchange.remoteAddress.isEmpty ? "unix" : exchange.remoteAddress)",
    ]
    if let caller = exchange.caller { metadata["key"] = "\(caller)" }
    if let trace = exchange.traceParent { metadata["traceparent"] = "\(trace)" }
    if let run = run(exchange) { metadata["run"] = "\(run)" }
    logger.log(level: level, "request", metadata: metadata)
  }

  /// The run that the request was about.
  private func run(_ exchange: Exchange) -> Substring? {
    guard exchange.route?.hasPrefix("/v1/runs/{id}") == true else { return nil }
    return exchange.path.split(separator: "/").dropFirst(2).first
  }

  private func milliseconds(_ duration: Duration) -> Double {
    (duration / .microseconds(1)).rounded() / 1000
  }
}
