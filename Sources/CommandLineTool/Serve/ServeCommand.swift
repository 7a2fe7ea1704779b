import API
import ArgumentParser
import EmbeddingService
import Foundation
import HTTP
import Logging
import Runs

/// `byol serve`: the service.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Serve the API and the dashboard.",
    discussion: """
      Everything is kept in the data folder, which one service at a time may use. A first SIGTERM or SIGINT \
      finishes requests, lets runs write a checkpoint and exits with 0; a second one ends the service at once. \
      Runs go on at the next start.
      """)

  @Option(help: "A file of settings, YAML or JSON: the names of these options with their values.")
  var config: String?

  @Option(help: "The folder of datasets, runs and the database; made if it is missing.")
  var data = "./byol-data"

  @Option(help: "The address to listen on: numeric, or localhost.")
  var host = "127.0.0.1"

  @Option(help: "The port to listen on; 0 takes a free one.")
  var port = 8080

  @OptionGroup var listen: ListenOptions

  @Flag(help: "Draw a small set of pictures on the first start and train on it at once.")
  var demo = false

  @Option(
    name: .customLong("public"), help: "The folder of the dashboard; searched for if not given.")
  var publicFolder: String?

  @Option(help: "The file of the API's description; searched for if not given.")
  var contract: String?

  @Option(help: "Threads for training and for embedding, each; default: the processor's.")
  var threads: Int?

  @Option(
    help: "Memory for models that embed, in MiB; the one used longest ago leaves.")
  var modelMemory = EmbeddingQueueLimits().modelByteCount >> 20

  @Option(help: "Runs that train at once, sharing the threads; default: 1 for each 16 processors.")
  var runsAtOnce = max(1, Machine.cores / 16)

  @Option(
    help: "The niceness of training, 0…19; default: it takes what no other program wants.")
  var niceness: Int?

  @Option(help: "What computes, in runs and for embeddings; reference is slow, for comparisons.")
  var engine = EngineChoice()

  @Option(
    help: "What embeddings are computed in: auto (bfloat16 where it pays), float32, bfloat16.")
  var precision = PrecisionChoice.auto

  @Option(
    help: "A command to start training with, such as \"ssh trainer\"; see docs/operations.md.")
  var launcher = ""

  @Option(
    name: .customLong("dataset-root"),
    help: "A folder whose content may be admitted by path over the API; may be repeated.")
  var datasetRoots: [String] = []

  @Option(
    name: .customLong("allow-host"),
    help: "A host name to serve besides addresses and localhost; may be repeated.")
  var allowedHosts: [String] = []

  @Flag(help: "Listen on an address that other machines can reach, though there are no keys.")
  var insecure = false

  @Option(
    help: "The longest time that a shutdown may take, in seconds; Docker kills after 10 by default."
  )
  var exitTimeout = 9.0

  @Option(help: "The least important messages to log: trace, debug, info, notice, warning, error.")
  var logLevel = "info"

  @Option(help: "How a line of the log is written: logfmt or json.")
  var logFormat = LogFormat.logfmt

  @Flag(help: "Log each request at info; without, at debug.")
  var accessLog = false

  mutating func validate() throws {
    guard (0...65_535).contains(port) else { throw ValidationError("--port must be 0…65535.") }
    _ = try precision.resolved(on: engine.engine)
    guard (1...86_400).contains(exitTimeout) else {
      throw ValidationError("--exit-timeout must be 1…86400 seconds.")
    }
    if !(1...(1 << 20)).contains(modelMemory) {
      throw ValidationError("--model-memory must be 1…1048576 MiB.")
    }
    if let threads, !(1...4096).contains(threads) {
      throw ValidationError("--threads must be 1…4096.")
    }
    guard (1...64).contains(runsAtOnce) else {
      throw ValidationError("--runs-at-once must be 1…64.")
    }
    if let niceness, !RunResourceLimits.niceness.contains(niceness) {
      throw ValidationError("--niceness must be \(RunResourceLimits.niceness).")
    }
    guard Logger.Level(rawValue: logLevel) != nil else {
      let words = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("--log-level must be one of \(words).")
    }
    for name in allowedHosts {
      if let fault = ServerConfiguration.faultOfHostName(name) {
        throw ValidationError("--allow-host \(name): \(fault)")
      }
    }
  }

  func run() async throws {
    let level = Logger.Level(rawValue: logLevel) ?? .info
    let format = logFormat
    let logger = Logger(label: "byol") { _ in LineLogHandler(format: format, level: level) }
    let options = SettingOption.all(of: ServeCommand.self)
    for line in Settings.unknownVariables(
      in: ProcessInfo.processInfo.environment, options: options)
    {
      logger.warning("\(line)")
    }
    let signals = StopSignals()
    var listening = ServerConfiguration(host: host, port: port)
    try listen.apply(to: &listening)
    let access = try accessControl(listeningOn: listening.address, logger)
    let service = try await RunningService(self, listening, access, logger: logger)
    print(greeting(port: service.port))
    _ = fflush(nil)
    let notify = NotifySocket(path: ProcessInfo.processInfo.environment["NOTIFY_SOCKET"])
    tellSystemd(logger) { () throws(HTTPError) in try notify?.ready() }
    if demo { service.startDemo() }
    let hangup = HangupSignal { service.reloadCertificate() }
    defer { withExtendedLifetime(hangup) {} }
    await signals.first()
    logger.notice("Asked to stop; a second signal ends the service at once.")
    tellSystemd(logger) { () throws(HTTPError) in try notify?.stopping() }
    let ending = Task {
      await signals.second()
      guard !Task.isCancelled else { return }
      logger.warning("Ended at once.")
      _exit(1)
    }
    await service.stop(within: .seconds(exitTimeout))
    ending.cancel()
    logger.notice("Stopped.")
  }
}

/// Tells systemd something; where that fails, the service goes on and its log says why it will be thought not to have started.
private func tellSystemd(_ logger: Logger, _ tell: () throws(HTTPError) -> Void) {
  do { try tell() } catch { logger.warning("\(error.detail)") }
}

extension ServeCommand {
  /// What is printed when the service takes requests: the address and a tour.
  func greeting(port: Int) -> String {
    if let path = listen.unixSocket { return "byol serves on the Unix socket \(path)" }
    let scheme = listen.certificate == nil ? "http" : "https"
    let url =
      "\(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(port)\(BasePath(listen.basePath)?.text ?? "")"
    return """
      byol serves on \(url) (dashboard, API, \(url)/openapi.yaml)

        curl -s \(url)/v1/datasets -H 'Content-Type: application/x-tar' --data-binary @pictures.tar
        curl -s \(url)/v1/runs -d '{"dataset": "DATASET", "epochs": 10}'
        curl -s \(url)/v1/runs/RUN
        curl -s -X POST \(url)/v1/runs/RUN/stop
        curl -s -X POST \(url)/v1/runs/RUN/start
        curl -s '\(url)/v1/embeddings?model=latest' -H 'Content-Type: image/jpeg' --data-binary @cat.jpg
      """
  }
}
