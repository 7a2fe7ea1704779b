public import Access
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
  /// Where a proxy shows the service.
  public var basePath = BasePath.root
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
  /// Who is let in; nil for everybody.
  public var access: AccessControl?
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
    (datasetRoutes + runRoutes + evaluationRoutes + embeddingRoutes + indexRoutes + serviceRoutes)
      .map(metrics.counting)
  }

  private var quota: DiskQuota { DiskQuota(access: access, runs: runs, library: library) }

  private var datasetRoutes: [Route] {
    let handlers = DatasetHandlers(
      library: library, runs: runs, evaluations: evaluations, indexes: indexes,
      log: ServiceLog(logger), quota: quota)
    let views = ViewHandlers(library: library, machine: machine)
    return [
      route("GET", "/v1/datasets", .readers, handlers.list),
      route("POST", "/v1/datasets", .trainers, bodyLimit: uploadByteCount, handlers.create),
      route("GET", "/v1/datasets/{id}", .readers, handlers.get),
      route("PATCH", "/v1/datasets/{id}", .trainers, handlers.patch),
      route("DELETE", "/v1/datasets/{id}", .trainers, handlers.delete),
      route("GET", "/v1/datasets/{id}/images", .readers, handlers.images),
      route("GET", "/v1/datasets/{id}/images/{n}", .readers, handlers.image),
      route("POST", "/v1/datasets/{id}/views", .readers, views.show),
    ]
  }

  private var runRoutes: [Route] {
    let handlers = RunHandlers(
      runs: runs, library: library, catalog: catalog, machine: machine, cache: replies,
      quota: quota)
    let checkpoints = CheckpointHandlers(runs: runs, digests: digests, onnx: onnx)
    let events = EventHandlers(runs: runs, places: eventPlaces, limits: eventStreamLimits)
    let metrics = MetricsHandlers(runs: runs, cache: replies)
    return [
      route("GET", "/v1/runs", .readers, handlers.list),
      route("POST", "/v1/runs", .trainers, handlers.create),
      route("GET", "/v1/recipe-fields", .readers, RecipeFieldHandlers().list),
      route("GET", "/v1/runs/{id}", .readers, handlers.get),
      route("PATCH", "/v1/runs/{id}", .trainers, handlers.patch),
      route("DELETE", "/v1/runs/{id}", .trainers, handlers.delete),
      route("POST", "/v1/runs/{id}/stop", .trainers, handlers.stop),
      route("POST", "/v1/runs/{id}/start", .trainers, handlers.start),
      route("GET", "/v1/runs/{id}/metrics", .readers, metrics.get),
      route("GET", "/v1/runs/{id}/events", .readers, events.get),
      route("GET", "/v1/runs/{id}/log", .trainers, LogHandlers(runs: runs).get),
      route("GET", "/v1/runs/{id}/checkpoints", .readers, checkpoints.list),
      route("GET", "/v1/runs/{id}/checkpoints/{step}", .readers, checkpoints.get),
      route("GET", "/v1/runs/{id}/checkpoints/{step}/{file}", .readers, checkpoints.file),
    ]
  }

  private var evaluationRoutes: [Route] {
    let handlers = EvaluationHandlers(
      evaluations: evaluations, catalog: catalog, runs: runs, library: library)
    return [
      route("GET", "/v1/evaluations", .readers, handlers.list),
      route("POST", "/v1/evaluations", .trainers, handlers.create),
      route("GET", "/v1/evaluations/{id}", .readers, handlers.get),
      route("DELETE", "/v1/evaluations/{id}", .trainers, handlers.cancel),
    ]
  }

  private var embeddingRoutes: [Route] {
    let models = ModelHandlers(catalog: catalog, library: models, service: embeddings)
    let handlers = EmbeddingHandlers(
      catalog: catalog, service: embeddings, metrics: metrics, limits: embeddingLimits)
    return [
      route("GET", "/v1/models", .readers, models.list),
      route("POST", "/v1/models", .trainers, bodyLimit: modelByteCount, models.upload),
      route("PUT", "/v1/models/default", .admins, models.pin),
      route("DELETE", "/v1/models/default", .admins, models.unpin),
      route("GET", "/v1/models/{name}", .readers, models.get),
      route("PUT", "/v1/models/{name}", .admins, models.name),
      route("DELETE", "/v1/models/{name}", .admins, models.delete),
      route(
        "POST", "/v1/embeddings", .embedders, bodyLimit: embeddingLimits.bodyByteCount,
        handlers.create),
    ]
  }

  private var indexRoutes: [Route] {
    let handlers = IndexHandlers(
      indexes: indexes, desk: searches, sprites: sprites, catalog: catalog, library: library,
      embeddings: embeddings, limits: embeddingLimits, basePath: basePath.text)
    return [
      route("GET", "/v1/indexes", .readers, handlers.list),
      route("POST", "/v1/indexes", .trainers, handlers.create),
      route("GET", "/v1/indexes/{id}", .readers, handlers.get),
      route("DELETE", "/v1/indexes/{id}", .trainers, handlers.cancel),
      route(
        "POST", "/v1/indexes/{id}/search", .embedders, bodyLimit: embeddingLimits.bodyByteCount,
        handlers.search),
      route("POST", "/v1/indexes/{id}/compare", .readers, handlers.compare),
      route("GET", "/v1/indexes/{id}/duplicates", .readers, handlers.duplicates),
      route("GET", "/v1/indexes/{id}/export", .readers, handlers.export),
    ]
  }

  private var serviceRoutes: [Route] {
    let handlers = ServiceHandlers(
      runs: runs, embeddings: embeddings, metrics: metrics, readiness: readiness, facts: facts,
      disk: disk, contract: contract, files: files, access: access)
    let status = StatusHandlers(
      runs: runs, library: library, embeddings: embeddings, evaluations: evaluations,
      indexes: indexes, facts: facts, disk: disk, errors: errors, access: access)
    return [
      // Whoever watches over the service and whoever opens the dashboard has no key yet: these four and the dashboard's
      // files, which the router serves, are for everybody. None tells of pictures, runs or models.
      // The first is on the server's own thread: it answers however much the rest has to do.
      .immediate("GET", "/livez") { handlers.live($0) },
      route("GET", "/readyz", .everybody, handlers.ready),
      route("GET", "/metrics", .readers, handlers.prometheus),
      route("GET", "/v1/info", .readers, handlers.info),
      route("GET", "/v1/status", .readers, status.get),
      route("GET", "/openapi.yaml", .everybody, handlers.openAPI),
      route("GET", "/", .everybody, handlers.dashboard),
    ]
  }

  /// Whether a refusal is worth a line: where something was to change. Embeddings may be refused by the thousand.
  private static func isLogged(_ method: String, _ path: String) -> Bool {
    method != "GET"
      && ["/v1/runs", "/v1/datasets", "/v1/evaluations", "/v1/indexes", "/v1/models"].contains(
        where: path.hasPrefix)
  }

  /// A route whose errors become problems; what is in no table is logged and told as 500. Who is not let in is answered
  /// before anything of the request is read but its head.
  private func route(
    _ method: String, _ pattern: String, _ audience: Audience, bodyLimit: Int = 1 << 20,
    _ handler: @escaping @Sendable (Request) async throws -> Response
  ) -> Route {
    Route(method, pattern, bodyLimit: bodyLimit) { [self] request in
      let admitted: AccessPass?
      do throws(AccessRefusal) {
        admitted = try pass(request, audience)
      } catch {
        return error.response(requestID: request.id)
      }
      var request = request
      request.caller = admitted?.caller
      do {
        let response = try await handler(request)
        if method == "DELETE", response.status == 204 {
          ServiceLog(logger).writeRemoval(request.path)
        }
        return response.held(by: admitted)
      } catch var error as HTTPError {
        error.caller = admitted?.caller
        throw error
      } catch is CancellationError {
        throw CancellationError()
      } catch {
        return refusal(of: error, "\(method) \(pattern)", request).held(by: admitted)
      }
    }
  }

  /// The answer to what a handler threw, after a line in the log where it is worth one.
  private func refusal(of error: any Error, _ operation: String, _ request: Request) -> Response {
    let problem =
      problem(for: error)
      ?? APIError(
        .internalError, "The service is at fault; the log says more under this request's id.")
    if [429, 503, 507].contains(problem.code.status) { metrics.reject(problem.code.rawValue) }
    errors.add(problem, operation: operation, request: request.id, at: .now())
    if problem.code.status == 500 {
      logger.error("\(operation) failed: \(error)", metadata: ["request": "\(request.id)"])
    } else if Self.isLogged(request.method, request.path) {
      ServiceLog(logger).writeRefusal(
        "\(request.method) \(request.path)", status: problem.code.status,
        code: problem.code.rawValue, detail: problem.detail, request: request.id)
    }
    return problem.response(requestID: request.id)
  }
}
