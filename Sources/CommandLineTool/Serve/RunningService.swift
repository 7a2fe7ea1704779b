import API
import Access
import DatasetLibrary
import EmbeddingService
import Evaluation
import Foundation
import HTTP
import Identifiers
import Images
import Logging
import ModelLibrary
import Recipes
import Retrieval
import RunDatabase
import Runs
import TensorGraph
import Tensors

/// The parts of the service, put together in the order of the start and taken apart in reverse.
///
/// Start: data folder and its lock, database, datasets, runs taken up, server, ready. Stop: not ready, runs asked for
/// a checkpoint, server drained meanwhile, runs waited for.
final class RunningService: Sendable {
  /// The port that is listened on.
  let port: Int
  let coordinator: RunCoordinator
  let library: DatasetLibrary
  private let evaluations: EvaluationQueue
  private let indexes: IndexLibrary
  let machine: MachineSize
  let logger: Logger
  private let server: Server
  private let readiness = Readiness()
  private let access: AccessControl
  /// Notes now and then when keys were used; ended by `stop`.
  private let keeping: Task<Void, Never>

  init(
    _ command: ServeCommand, _ listening: ServerConfiguration, _ access: AccessControl,
    logger: Logger
  ) async throws {
    self.access = access
    self.logger = logger
    let threads = Machine.threads(command.threads).count
    let engine = command.engine.engine
    machine = Machine.size(Machine.threads(command.threads), on: engine)
    let folder = try DataFolder(path: command.data)
    var settings = try command.runSettings(threads: threads)
    settings.trainingSecondsPerDay = {
      access.limits(of: $0)?.trainingHoursPerDay.map { $0 * 3600 }
    }
    coordinator = try folder.coordinator(settings, log: ServiceLog(logger))
    library = try folder.library(roots: command.datasetRoots, threads: threads)
    evaluations = try folder.evaluations(
      [
        "--engine", engine.name, "--precision", command.precision.rawValue, "--threads",
        "\(threads)", "--niceness", "\(command.niceness ?? 10)",
      ])
    let workers = embeddingWorkers(threads: threads)
    let loader = encoderLoader(
      engine: engine, threads: ThreadBudget(threads / workers),
      precision: try command.precision.resolved(on: engine))
    indexes = try IndexLibrary(
      directory: folder.path + "/indexes", packDirectory: { [library] in library.path(of: $0) },
      loader: loader, workers: workers)
    let metrics = ServiceMetrics()
    let facts = try command.facts(threads: threads)
    let resources = try ServiceResources(
      publicFolder: command.publicFolder, contract: command.contract)
    var service = Service(
      runs: coordinator, library: library,
      models: try ModelLibrary(directory: folder.path + "/models", loader: loader),
      embeddings: EmbeddingService(
        loader: loader, limits: command.embeddingLimits, workerCount: workers),
      evaluations: evaluations, indexes: indexes, searches: SearchDesk(threads: threads),
      metrics: metrics,
      readiness: readiness, facts: facts, disk: DiskUsage(folder: folder.path), machine: machine,
      contract: resources.contract,
      files: resources.files, logger: logger)
    service.access = access
    service.basePath = BasePath(command.listen.basePath) ?? .root
    server = Server(
      configuration: command.serverConfiguration(listening, metrics: metrics, logger: logger),
      router: Router(routes: service.routes, files: resources.files), logger: logger,
      errorResponse: { error, requestID in
        metrics.reject(error.code)
        return problemResponse(error, requestID: requestID)
      })
    try await coordinator.begin()
    await indexes.begin()
    do {
      port = try await server.start()
    } catch let error as HTTPError {
      await coordinator.end(within: .seconds(command.exitTimeout))
      guard error.code == "cannot_listen" else { throw ServeError.notSet(error.detail) }
      throw command.listen.unixSocket.map { ServeError.cannotUse(socket: $0) }
        ?? ServeError.cannotListen(host: command.host, port: command.port)
    }
    keeping = Task { await access.keepUses(logger) }
    readiness.isReady = true
    _ = service.disk.latest()  // so that the first status has figures of the disk
    logger.notice("Ready.", metadata: ["port": "\(port)", "data": "\(folder.path)"])
  }

  /// Reads the TLS files again for new connections; files that are not sound change nothing.
  func reloadCertificate() {
    do {
      try server.reloadCertificate()
      logger.notice("The certificate was read again.")
    } catch {
      logger.error("The certificate in force stays: \(error.detail)")
    }
  }

  /// Ends in order, within about the time given.
  func stop(within limit: Duration) async {
    readiness.isReady = false
    // Runs are asked at once, before requests are waited for: a checkpoint takes longest, and what is trained until
    // then is done for nothing where the service is killed meanwhile.
    async let ended: Void = coordinator.end(within: limit)
    async let evaluated: Void = evaluations.end()
    async let indexed: Void = indexes.end()
    await server.drain(deadline: min(limit / 3, Limits().drainTimeout))
    keeping.cancel()
    await keeping.value
    await ended
    await evaluated
    await indexed
  }
}

/// Why the service does not start, in words.
enum ServeError: Error, CustomStringConvertible {
  case cannotListen(host: String, port: Int)
  case cannotUse(socket: String)
  case notSet(String)
  case folderInUse(path: String)
  case noFolder(path: String, user: UInt32, owner: Int?)

  var description: String {
    switch self {
    case .cannotListen(let host, let port):
      "\(host) port \(port) cannot be listened on: it is in use, not this machine's, or not allowed."
    case .cannotUse(let socket):
      "The Unix socket \(socket) cannot be made: it is in use, no socket, or not allowed."
    case .notSet(let detail): detail
    case .folderInUse(let path): "Another byol service uses the data folder \(path)."
    case .noFolder(let path, let user, let owner):
      "The data folder \(path) cannot be made or written to by user \(user)."
        + Self.advice(path, user: user, owner: owner)
    }
  }
}

extension ServeError {
  /// What helps where the folder is there and somebody else's, as volumes of containers often are.
  private static func advice(_ path: String, user: UInt32, owner: Int?) -> String {
    guard let owner, owner != user else { return "" }
    return " It belongs to user \(owner): give it to this user (chown \(user) \(path)),"
      + " or start as that one (docker run --user \(owner))."
  }
}

/// The folder that holds everything.
private struct DataFolder {
  let path: String

  init(path: String) throws {
    let full = URL(fileURLWithPath: path).standardizedFileURL.path
    self.path = full
    try? FileManager.default.createDirectory(atPath: full, withIntermediateDirectories: true)
    guard FileManager.default.isWritableFile(atPath: full) else {
      let owner = try? FileManager.default.attributesOfItem(atPath: full)[.ownerAccountID] as? Int
      throw ServeError.noFolder(path: full, user: getuid(), owner: owner)
    }
  }

  /// The coordinator; it locks the folder, so it comes first.
  func coordinator(_ settings: RunSettings, log: ServiceLog) throws -> RunCoordinator {
    let datasets = path + "/datasets"
    do {
      return try RunCoordinator(
        dataDirectory: path, store: SQLiteRunStore(path: path + "/byol.sqlite"),
        settings: settings,
        packDirectory: { id in
          let pack = datasets + "/" + id
          return FileManager.default.fileExists(atPath: pack + "/index") ? pack : nil
        }, observer: { event, run in log.write(event, of: run) })
    } catch RunControlError.folderInUse {
      throw ServeError.folderInUse(path: path)
    }
  }

  /// Evaluations of models, each by this program in a process of its own.
  func evaluations(_ arguments: [String]) throws -> EvaluationQueue {
    let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let datasets = path + "/datasets"
    return EvaluationQueue(
      runDirectory: path + "/runs", modelDirectory: path + "/models"
    ) { submission in
      var words = [program, "evaluate", "--worker", "--model", submission.modelFile]
      words += ["--dataset", datasets + "/" + submission.dataset]
      words += ["--protocols", submission.protocols.map(\.name).joined(separator: ",")]
      if submission.isQuick { words.append("--quick") }
      return try EvaluationCommandProcess(words + arguments)
    }
  }

  func library(roots: [String], threads: Int) throws -> DatasetLibrary {
    var settings = DatasetLibrary.Settings()
    settings.roots = roots
    return try DatasetLibrary(
      directory: path + "/datasets", settings: settings, admission: PackAdmission(threads: threads))
  }
}

extension ServeCommand {
  /// How runs are treated: as many at once as asked for, which share the threads.
  func runSettings(threads: Int) throws -> RunSettings {
    let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    var settings = RunSettings(workerCommand: [program, "train", "--engine", engine.name])
    settings.threads = max(1, threads / runsAtOnce)
    settings.runsAtOnce = runsAtOnce
    settings.niceness = niceness
    settings.launcher = launcher.split(separator: " ").map(String.init)
    return settings
  }

  /// What may wait and be in memory.
  fileprivate var embeddingLimits: EmbeddingQueueLimits {
    var limits = EmbeddingQueueLimits()
    limits.modelByteCount = modelMemory << 20
    return limits
  }

  fileprivate func serverConfiguration(
    _ listening: ServerConfiguration, metrics: ServiceMetrics, logger: Logger
  ) -> ServerConfiguration {
    var configuration = listening
    configuration.allowedHosts = allowedHosts
    // The dashboard shows pictures that were dropped on it from memory.
    configuration.contentSecurityPolicy =
      "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; base-uri 'none'; "
      + "form-action 'self'"
    let log = AccessLog(logger: logger, level: accessLog ? .info : .debug)
    configuration.observer = { exchange in
      metrics.observe(exchange)
      log.write(exchange)
    }
    return configuration
  }
}

/// The limits that `/v1/info` tells.
func limitTable() -> [String: Int] {
  let (datasets, embeddings) = (DatasetLibrary.Settings(), EmbeddingLimits())
  return [
    "dataset_upload_bytes": datasets.uploadByteCount,
    "embedding_body_bytes": embeddings.bodyByteCount,
    "embedding_pictures_in_json": embeddings.picturesInJSON,
    "picture_bytes": embeddings.image.encodedByteCount,
    "picture_pixels": embeddings.image.pixelCount,
    "picture_side_pixels": embeddings.image.side,
  ]
}
