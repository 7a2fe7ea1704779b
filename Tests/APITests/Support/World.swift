import API
import Access
import DatasetLibrary
import EmbeddingService
import Foundation
import HTTP
import Identifiers
import JSONTree
import Logging
import ModelLibrary
import Recipes
import Retrieval
import Runs
import Testing

/// A service over fakes in a fresh folder, called in process; the folder goes with it.
final class World: Sendable {
  let folder: String
  let runs: FakeRuns
  let library: DatasetLibrary
  let models: ModelLibrary
  let embeddings: EmbeddingService
  let evaluations: FakeEvaluations
  let indexes: IndexLibrary
  let service: Service

  init(
    loader: EncoderLoader = fakeLoader,
    queue: EmbeddingQueueLimits = EmbeddingQueueLimits(), uploadByteCount: Int = 1 << 20,
    admission: FakeAdmission = FakeAdmission(),
    logger: Logger = Logger(label: "test"), access: AccessControl? = nil,
    streams: (inout EventStreamLimits) -> Void = { _ in },
    embedding: (inout EmbeddingLimits) -> Void = { _ in }
  ) throws {
    folder = NSTemporaryDirectory() + "byol-api-\(UUID().uuidString)"
    try FileManager.default.createDirectory(
      atPath: folder + "/allowed", withIntermediateDirectories: true)
    runs = FakeRuns(folder: folder + "/runs")
    var settings = DatasetLibrary.Settings()
    settings.uploadByteCount = uploadByteCount
    settings.roots = [folder + "/allowed"]
    library = try DatasetLibrary(
      directory: folder + "/datasets", settings: settings, admission: admission)
    models = try ModelLibrary(directory: folder + "/models", loader: loader)
    embeddings = EmbeddingService(loader: loader, limits: queue)
    evaluations = FakeEvaluations()
    indexes = try IndexLibrary(
      directory: folder + "/indexes", packDirectory: { [library] in library.path(of: $0) },
      loader: loader, workers: 1)
    var service = Service(
      runs: runs, library: library, models: models, embeddings: embeddings,
      evaluations: evaluations.queue(dataFolder: folder), indexes: indexes,
      searches: SearchDesk(threads: 2), metrics: ServiceMetrics(),
      readiness: Readiness(),
      facts: ServiceFacts(version: "0", startedAt: .now(), threads: 2, limits: ["pictures": 64]),
      disk: DiskUsage(folder: folder), machine: MachineSize(cores: 2, memoryByteCount: 8 << 30),
      contract: try repositoryFile("openapi.yaml"),
      files: try StaticFiles(folder: repositoryPath("Public")), logger: logger)
    streams(&service.eventStreamLimits)
    embedding(&service.embeddingLimits)
    service.access = access
    self.service = service
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// The names in the folder of datasets, those that are on their way included.
  var datasetFolders: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder + "/datasets")) ?? []).sorted()
  }

  /// What the service answers; errors of the transport become problems as in the server.
  func call(
    _ method: String, _ path: String, query: [(name: String, value: String)] = [],
    headers: Headers = Headers(), body: [UInt8] = []
  ) async throws -> Response {
    for route in service.routes where route.method == method {
      guard let parameters = matches(route.pattern, path) else { continue }
      let request = Request(
        method: method, path: path, query: query, headers: headers, pathParameters: parameters,
        body: RequestBody(body))
      let response: Response
      do {
        response = try await route.handler(request)
      } catch let error as HTTPError {
        response = problemResponse(error, requestID: request.id)
      }
      let breaches = try Contract.current.get().breaches(method, route.pattern, response)
      #expect(breaches.isEmpty, "\(breaches.joined(separator: "\n"))")
      return response
    }
    throw HTTPError.notFound
  }

  /// Calls with a JSON body.
  func call(_ method: String, _ path: String, json: JSONValue) async throws -> Response {
    try await call(
      method, path, headers: ["Content-Type": "application/json"], body: json.encoded)
  }

  /// A dataset of 600 pictures.
  func dataset(_ content: String = "") async throws -> String {
    let response = try await call("POST", "/v1/datasets", body: tar(content))
    return try #require(try response.object()["id"]?.stringValue)
  }

  /// A run on a new dataset.
  func run() async throws -> Identifier {
    let body: JSONValue = ["dataset": .string(try await dataset()), "epochs": 3]
    let response = try await call("POST", "/v1/runs", json: body)
    return try #require(Identifier(try response.object()["id"]?.stringValue ?? ""))
  }

  /// Writes a checkpoint's files for a run and reports it, as a worker does.
  func checkpoint(_ id: Identifier, step: Int) throws {
    let path = runs.directory(of: id) + "/checkpoints/\(step)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try Data("model of \(step)".utf8).write(to: URL(fileURLWithPath: path + "/model.safetensors"))
    try runs.wrote(id, step: step)
  }
}

private func matches(_ pattern: String, _ path: String) -> [String: String]? {
  let (left, right) = (pattern.split(separator: "/"), path.split(separator: "/"))
  guard left.count == right.count else { return nil }
  var parameters: [String: String] = [:]
  for (name, value) in zip(left, right) {
    if name.hasPrefix("{") {
      parameters[String(name.dropFirst().dropLast())] = String(value)
    } else if name != value {
      return nil
    }
  }
  return parameters
}

extension Response {
  /// The body's bytes, if they are in memory.
  var bytes: [UInt8] {
    if case .bytes(let bytes) = body { bytes } else { [] }
  }

  /// The body as a JSON object.
  func object() throws -> JSONObject {
    try #require(try JSONValue(parsing: bytes).objectValue)
  }

  /// The problem's code; fails the test where the body is no problem of the response's status.
  func problemCode() throws -> String {
    let object = try object()
    #expect(headers["Content-Type"] == "application/problem+json")
    #expect(object["status"]?.integerValue == Int64(status))
    #expect(object["error"]?.objectValue?["code"] == object["code"])
    return try #require(object["code"]?.stringValue)
  }

  /// The fields that a problem names.
  func problemFields() throws -> [String] {
    (try object()["errors"]?.arrayValue ?? []).compactMap {
      $0.objectValue?["field"]?.stringValue
    }
  }
}

/// Bytes that look like a tar to who looks at the first block only.
func tar(_ content: String = "") -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: 512)
  bytes.replaceSubrange(257..<262, with: Array("ustar".utf8))
  return bytes + Array(content.utf8)
}

/// A path in the repository.
func repositoryPath(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(name).path
}

/// A file of the repository.
func repositoryFile(_ name: String) throws -> [UInt8] {
  Array(try Data(contentsOf: URL(fileURLWithPath: repositoryPath(name))))
}
