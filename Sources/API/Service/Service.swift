public import DatasetLibrary
public import EmbeddingService
public import HTTP
import Identifiers
public import Logging
public import ModelLibrary
public import Recipes
public import Retrieval
public import Runs

/// Everything behind the routes, and the routes themselves.
public struct Service: Sendable {
  /// The runs.
  public var runs: any RunControl
  /// The datasets.
  public var library: DatasetLibrary
  /// The models that belong to no run, and the aliases.
  public var models: ModelLibrary
  /// The models in memory.
  public var embeddings: EmbeddingService
  /// The evaluations.
  public var evaluations: any EvaluationControl
  /// The indexes.
  public var indexes: IndexLibrary
  /// Where indexes are searched.
  public var searches: SearchDesk
  /// The counters.
  public var metrics: ServiceMetrics
  /// What `/readyz` says.
  public var readiness: Readiness
  /// What `/v1/info` says.
  public var facts: ServiceFacts
  /// What the data folder takes on disk.
  public var disk: DiskUsage
  /// What recipes are resolved for.
  public var machine: MachineSize
  /// What an embedding request may carry.
  public var embeddingLimits = EmbeddingLimits()
  /// How many streams of events there may be.
  public var eventStreamLimits = EventStreamLimits()
  private let eventPlaces = StreamPlaces()
  private let replies = ReplyCache()
  private let digests = FileDigests()
  private let onnx = ONNXFiles()
  private let sprites = SpriteDesk()
  private let errors = RecentErrors()
  private let catalog: ModelCatalog
  /// The longest upload of a dataset, in bytes.
  public var uploadByteCount = 16 << 30
  /// The longest upload of a model, in bytes.
  public var modelByteCount = ModelLibraryLimits().fileByteCount
  /// `openapi.yaml`.
  public var contract: [UInt8]
  /// The dashboard's folder.
  public var files: StaticFiles
  /// Told of faults that clients are not told of.
  public var logger: Logger

  /// A service of its parts.
  public init(
    runs: any RunControl, library: DatasetLibrary, models: ModelLibrary,
    embeddings: EmbeddingService,
    evaluations: any EvaluationControl, indexes: IndexLibrary, searches: SearchDesk,
    metrics: ServiceMetrics, readiness: Readiness,
    facts: ServiceFacts, disk: DiskUsage, machine: MachineSize,
    contract: [UInt8], files: StaticFiles, logger: Logger
  ) {
    self.runs = runs
    catalog = ModelCatalog(runs: runs, library: models)
    self.library = library
    self.models = models
    self.embeddings = embeddings
    self.evaluations = evaluations
    self.indexes = indexes
    self.searches = searches
    self.metrics = metrics
    self.readiness = readiness
    self.facts = facts
    self.disk = disk
    self.machine = machine
    self.contract = contract
    self.files = files
    self.logger = logger
  }
}

// MARK: - Routes

extension Service {
  /// One route for each operation of `openapi.yaml`.
  public var routes: [Route] {
    datasetRoutes + runRoutes + evaluationRoutes + embeddingRoutes + indexRoutes + serviceRoutes
  }

  private var datasetRoutes: [Route] {
    let handlers = DatasetHandlers(
      library: library, runs: runs, evaluations: evaluations, indexes: indexes,
      log: ServiceLog(logger))
    let views = ViewHandlers(library: library, machine: machine)
    return [
      route("GET", "/v1/datasets", handlers.list),
      route("POST", "/v1/datasets", bodyLimit: uploadByteCount, handlers.create),
      route("GET", "/v1/datasets/{id}", handlers.get),
      route("PATCH", "/v1/datasets/{id}", handlers.patch),
      route("DELETE", "/v1/datasets/{id}", handlers.delete),
      route("GET", "/v1/datasets/{id}/images", handlers.images),
      route("GET", "/v1/datasets/{id}/images/{n}", handlers.image),
      route("POST", "/v1/datasets/{id}/views", views.show),
    ]
  }

  private var runRoutes: [Route] {
    let handlers = RunHandlers(
      runs: runs, library: library, catalog: catalog, machine: machine, cache: replies)
    let checkpoints = CheckpointHandlers(runs: runs, digests: digests, onnx: onnx)
    let events = EventHandlers(runs: runs, places: eventPlaces, limits: eventStreamLimits)
    let metrics = MetricsHandlers(runs: runs, cache: replies)
    return [
      route("GET", "/v1/runs", handlers.list),
      route("POST", "/v1/runs", handlers.create),
      route("GET", "/v1/recipe-fields", RecipeFieldHandlers().list),
      route("GET", "/v1/runs/{id}", handlers.get),
      route("PATCH", "/v1/runs/{id}", handlers.patch),
      route("DELETE", "/v1/runs/{id}", handlers.delete),
      route("POST", "/v1/runs/{id}/stop", handlers.stop),
      route("POST", "/v1/runs/{id}/start", handlers.start),
      route("GET", "/v1/runs/{id}/metrics", metrics.get),
      route("GET", "/v1/runs/{id}/events", events.get),
      route("GET", "/v1/runs/{id}/log", LogHandlers(runs: runs).get),
      route("GET", "/v1/runs/{id}/checkpoints", checkpoints.list),
      route("GET", "/v1/runs/{id}/checkpoints/{step}", checkpoints.get),
      route("GET", "/v1/runs/{id}/checkpoints/{step}/{file}", checkpoints.file),
    ]
  }

  private var evaluationRoutes: [Route] {
    let handlers = EvaluationHandlers(
      evaluations: evaluations, catalog: catalog, runs: runs, library: library)
    return [
      route("GET", "/v1/evaluations", handlers.list),
      route("POST", "/v1/evaluations", handlers.create),
      route("GET", "/v1/evaluations/{id}", handlers.get),
      route("DELETE", "/v1/evaluations/{id}", handlers.cancel),
    ]
  }

  private var embeddingRoutes: [Route] {
    let models = ModelHandlers(catalog: catalog, library: models, service: embeddings)
    let handlers = EmbeddingHandlers(
      catalog: catalog, service: embeddings, metrics: metrics, limits: embeddingLimits)
    return [
      route("GET", "/v1/models", models.list),
      route("POST", "/v1/models", bodyLimit: modelByteCount, models.upload),
      route("PUT", "/v1/models/default", models.pin),
      route("DELETE", "/v1/models/default", models.unpin),
      route("GET", "/v1/models/{name}", models.get),
      route("PUT", "/v1/models/{name}", models.name),
      route("DELETE", "/v1/models/{name}", models.delete),
      route(
        "POST", "/v1/embeddings", bodyLimit: embeddingLimits.bodyByteCount, handlers.create),
    ]
  }

  private var indexRoutes: [Route] {
    let handlers = IndexHandlers(
      indexes: indexes, desk: searches, sprites: sprites, catalog: catalog, library: library,
      embeddings: embeddings, limits: embeddingLimits)
    return [
      route("GET", "/v1/indexes", handlers.list),
      route("POST", "/v1/indexes", handlers.create),
      route("GET", "/v1/indexes/{id}", handlers.get),
      route("DELETE", "/v1/indexes/{id}", handlers.cancel),
      route(
        "POST", "/v1/indexes/{id}/search", bodyLimit: embeddingLimits.bodyByteCount,
        handlers.search),
      route("POST", "/v1/indexes/{id}/compare", handlers.compare),
      route("GET", "/v1/indexes/{id}/duplicates", handlers.duplicates),
      route("GET", "/v1/indexes/{id}/export", handlers.export),
    ]
  }

  private var serviceRoutes: [Route] {
    let handlers = ServiceHandlers(
      runs: runs, embeddings: embeddings, metrics: metrics, readiness: readiness, facts: facts,
      contract: contract, files: files)
    let status = StatusHandlers(
      runs: runs, library: library, embeddings: embeddings, evaluations: evaluations,
      indexes: indexes, facts: facts, disk: disk, errors: errors)
    return [
      // On the server's own thread: it answers however much the rest has to do.
      .immediate("GET", "/livez") { handlers.live($0) },
      route("GET", "/readyz", handlers.ready),
      route("GET", "/metrics", handlers.prometheus),
      route("GET", "/v1/info", handlers.info),
      route("GET", "/v1/status", status.get),
      route("GET", "/openapi.yaml", handlers.openAPI),
      route("GET", "/", handlers.dashboard),
    ]
  }

  /// Whether a refusal is worth a line: where something was to change. Embeddings may be refused by the thousand.
  private static func isLogged(_ method: String, _ pattern: String) -> Bool {
    method != "GET"
      && ["/v1/runs", "/v1/datasets", "/v1/evaluations", "/v1/indexes", "/v1/models"].contains(
        where: pattern.hasPrefix)
  }

  /// A route whose errors become problems; what is in no table is logged and told as 500.
  private func route(
    _ method: String, _ pattern: String, bodyLimit: Int = 1 << 20,
    _ handler: @escaping @Sendable (Request) async throws -> Response
  ) -> Route {
    Route(method, pattern, bodyLimit: bodyLimit) { [logger, errors] request in
      let log = ServiceLog(logger)
      do {
        let response = try await handler(request)
        if method == "DELETE", response.status == 204 { log.writeRemoval(request.path) }
        return response
      } catch let error as HTTPError {
        throw error
      } catch is CancellationError {
        throw CancellationError()
      } catch {
        let problem =
          problem(for: error)
          ?? APIError(
            .internalError, "The service is at fault; the log says more under this request's id.")
        errors.add(
          problem, operation: "\(method) \(pattern)", request: request.id, at: .now())
        if problem.code.status == 500 {
          logger.error(
            "\(method) \(pattern) failed: \(error)", metadata: ["request": "\(request.id)"])
        } else if Self.isLogged(method, pattern) {
          log.writeRefusal(
            "\(method) \(request.path)", status: problem.code.status, code: problem.code.rawValue,
            detail: problem.detail, request: request.id)
        }
        return problem.response(requestID: request.id)
      }
    }
  }
}
