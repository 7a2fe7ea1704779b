import DatasetLibrary
import Datasets
import EmbeddingService
import Foundation
import HTTP
import Identifiers
import Images
import JSONTree
import Retrieval
import Testing

@testable import API

@Suite struct `Indexes over HTTP` {
  private let world: World
  private let run: Identifier
  private let dataset: String

  init() async throws {
    world = try World()
    run = try await world.run()
    try world.checkpoint(run, step: 5)
    dataset = try await Self.pictures(60, in: world, name: "Colours")
  }

  /// A dataset of real pictures of one colour each, in two classes.
  private static func pictures(_ count: Int, in world: World, name: String) async throws -> String {
    let source = world.folder + "/source-\(count)"
    for number in 0..<count {
      let folder = "\(source)/\(number % 2 == 0 ? "even" : "odd")"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try Data(try plainBytes(red: UInt8(4 * number)))
        .write(to: URL(filePath: "\(folder)/\(number).png"))
    }
    let record = try await world.library.admit(name: name) { directory in
      let report = try admit(source: .folder(path: source), into: directory)
      return try AdmittedDataset(report, pack: directory)
    }
    return record.id
  }

  private func made(_ body: JSONValue? = nil) async throws -> String {
    let created = try await world.call(
      "POST", "/v1/indexes",
      json: body ?? ["dataset": .string(dataset), "model": .string("\(run)")])
    #expect(created.status == 201)
    let id = try #require(try created.object()["id"]?.stringValue)
    #expect(created.headers["Location"] == "/v1/indexes/\(id)")
    return try await whole(id)
  }

  private func whole(_ id: String) async throws -> String {
    for _ in 0..<3000 {
      let state = try await world.call("GET", "/v1/indexes/\(id)").object()["state"]
      if state == "succeeded" { return id }
      if state != "queued", state != "running" { break }
      try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("\(try await world.call("GET", "/v1/indexes/\(id)").object())")
    return id
  }

  private func names(_ response: Response) throws -> [String] {
    try response.object()["data"]?.arrayValue?.compactMap {
      $0.objectValue?["name"]?.stringValue
    } ?? []
  }

  @Test func `vectors are stored in float16 where that is asked for, and searched as others are`()
    async throws
  {
    var found: [Set<String>] = []
    for (storage, byteCount) in [("float32", 4), ("float16", 2)] {
      let id = try await made([
        "dataset": .string(dataset), "model": .string("\(run)"), "storage": .string(storage),
      ])
      let object = try await world.call("GET", "/v1/indexes/\(id)").object()
      #expect(object["storage"] == .string(storage) && object["items"] == 60)
      let answer = try await world.call(
        "POST", "/v1/indexes/\(id)/search", json: ["item": 30, "k": 5])
      found.append(Set(try names(answer)))
      let npy = try await world.call(
        "GET", "/v1/indexes/\(id)/export", query: [("format", "npy")])
      #expect(npy.status == 200)
      let path = "\(world.folder)/indexes/\(id)/vectors.npy"
      let stored = FileManager.default.contents(atPath: path)?.count
      #expect(stored == 128 + 60 * 4 * byteCount)
    }
    #expect(found[0].count == 5 && found[0] == found[1])
    let unknown: [JSONValue] = ["float8", 16]
    for wrong in unknown {
      let refused = try await world.call(
        "POST", "/v1/indexes", json: ["dataset": .string(dataset), "storage": wrong])
      #expect(refused.status == 422)
      #expect(try refused.problemFields() == ["storage"])
    }
  }

  @Test func `an index is made, told, listed, searched and removed`() async throws {
    let id = try await made()
    let object = try await world.call("GET", "/v1/indexes/\(id)").object()
    #expect(object["items"] == 60 && object["dimension"] == 4 && object["rejected"] == 0)
    #expect(
      object["model"] == .string("\(run)@5") && object["fingerprint"] == .string("print-indexes"))
    #expect(object["name"] == "Colours")
    let list = try await world.call("GET", "/v1/indexes", query: [("dataset", dataset)]).object()
    #expect(list["data"]?.arrayValue?.count == 1)

    let found = try await world.call(
      "POST", "/v1/indexes/\(id)/search", json: ["item": 30, "k": 3])
    #expect(found.status == 200 && found.headers["Server-Timing"]?.hasPrefix("search;dur=") == true)
    #expect(try found.object()["searched"] == 60)
    let first = try #require(try found.object()["data"]?.arrayValue?.first?.objectValue)
    #expect(first["item"] != 30 && (first["score"]?.doubleValue ?? 0) > 0.9)
    let picture = try #require(first["thumbnail"]?.stringValue)
    #expect(picture.hasPrefix("/v1/datasets/\(dataset)/images/") && picture.hasSuffix("?size=128"))

    #expect(try await world.call("DELETE", "/v1/indexes/\(id)").status == 204)
    #expect(try await world.call("GET", "/v1/indexes/\(id)").status == 404)
    let left = try FileManager.default.contentsOfDirectory(atPath: world.folder + "/indexes")
    #expect(left.isEmpty, "\(left)")
  }

  @Test func `a picture, its data URL, its vector and its item find the same`() async throws {
    let id = try await made()
    let path = "/v1/indexes/\(id)/search"
    let picture = try plainBytes(red: 100)
    let sent = try await world.call(
      "POST", path, query: [("k", "4")], headers: ["Content-Type": "image/png"], body: picture)
    #expect(sent.headers["Server-Timing"]?.contains("infer;dur=") == true)
    let text = "data:image/png;base64," + Data(picture).base64EncodedString()
    let url = try await world.call("POST", path, json: ["image": .string(text), "k": 4])
    let vector = try await world.call("POST", path, json: ["vector": [100, 10, 20, 1], "k": 4])
    let all = try await world.call(
      "POST", path, json: ["item": 12, "include_self": true, "k": 1000])
    let item = try #require(
      try all.object()["data"]?.arrayValue?.first { $0.objectValue?["name"] == "odd/25.png" })
    let own = try await world.call(
      "POST", path,
      json: ["item": item.objectValue?["item"] ?? .null, "include_self": true, "k": 4])
    #expect(try names(sent).first == "odd/25.png" && names(sent).count == 4)
    for other in [url, vector, own] { #expect(try names(other) == names(sent)) }
    #expect(try all.object()["data"]?.arrayValue?.count == 60)
  }

  @Test func `labels and parts filter`() async throws {
    let id = try await made()
    let path = "/v1/indexes/\(id)/search"
    let even = try await world.call("POST", path, json: ["item": 3, "labels": ["even"], "k": 50])
    #expect(try names(even).count >= 29 && names(even).allSatisfy { $0.hasPrefix("even/") })
    let none = try await world.call(
      "POST", path, query: [("split", "test"), ("label", "odd")],
      headers: ["Content-Type": "image/png"], body: try plainBytes(red: 1))
    #expect(try names(none).isEmpty && none.status == 200)
  }

  @Test(arguments: [
    (#"{}"#, 422, "image"), (#"{"item":60}"#, 422, "item"), (#"{"item":-1}"#, 422, "item"),
    (#"{"item":1.5}"#, 422, "item"), (#"{"item":1,"vector":[1]}"#, 422, "image"),
    (#"{"vector":[1,2,3]}"#, 422, "vector"), (#"{"vector":[0,0,0,0]}"#, 422, "vector"),
    (#"{"vector":[1,2,3,"4"]}"#, 422, "vector"), (#"{"vector":[1e39,2,3,4]}"#, 422, "vector"),
    (#"{"item":1,"k":0}"#, 422, "k"), (#"{"item":1,"k":1001}"#, 422, "k"),
    (#"{"item":1,"labels":["green"]}"#, 422, "labels"), (#"{"item":1,"labels":[]}"#, 422, "labels"),
    (#"{"item":1,"splits":["dev"]}"#, 422, "splits"), (#"{"item":1,"limit":3}"#, 422, "limit"),
    (#"{"image":"http://x/y.png"}"#, 422, "image"), (#"{"image":7}"#, 422, "image"),
    (#"{"item":1,"fingerprint":"other"}"#, 409, ""), (#"[1]"#, 400, ""),
  ])
  func `what is wrong with a search is told by its field`(body: String, status: Int, field: String)
    async throws
  {
    let id = try await made()
    let answer = try await world.call(
      "POST", "/v1/indexes/\(id)/search", headers: ["Content-Type": "application/json"],
      body: Array(body.utf8))
    #expect(answer.status == status)
    let fields = try answer.object()["errors"]?.arrayValue?.compactMap {
      $0.objectValue?["field"]?.stringValue
    }
    #expect(field.isEmpty || fields?.contains(field) == true, "\(fields ?? [])")
  }

  @Test func `an index that is none, or not whole, or of what is none is refused`() async throws {
    let unknown = IdentifierSource().next(at: .now()).description
    for path in ["", "/search", "/compare", "/duplicates", "/export"] {
      let method = ["/search", "/compare"].contains(path) ? "POST" : "GET"
      #expect(try await world.call(method, "/v1/indexes/\(unknown)\(path)").status == 404)
      #expect(try await world.call(method, "/v1/indexes/x\(path)").status == 404)
    }
    for body in [["dataset": .string(unknown)], ["dataset": .string(dataset), "model": "none"]]
      as [JSONValue]
    {
      #expect(try await world.call("POST", "/v1/indexes", json: body).status == 404)
    }
    for body in [[:], ["dataset": 7], ["dataset": .string(dataset), "storage": "x"]] as [JSONValue]
    {
      #expect(try await world.call("POST", "/v1/indexes", json: body).status == 422)
    }
  }

  @Test func `a dataset whose pack does not read makes a failed index that says so`() async throws {
    let broken = try await world.dataset()
    let created = try await world.call(
      "POST", "/v1/indexes", json: ["dataset": .string(broken), "model": .string("\(run)")])
    let id = try #require(try created.object()["id"]?.stringValue)
    var object = try created.object()
    for _ in 0..<3000 where object["state"] != "failed" {
      try await Task.sleep(for: .milliseconds(10))
      object = try await world.call("GET", "/v1/indexes/\(id)").object()
    }
    #expect(object["state"] == "failed" && object["reason"]?.stringValue?.isEmpty == false)
    let searched = try await world.call("POST", "/v1/indexes/\(id)/search", json: ["item": 0])
    #expect(searched.status == 409)
    #expect(try await world.call("DELETE", "/v1/indexes/\(id)").status == 204)
  }

  @Test func `two models are asked the same, and a dataset's own pictures only`() async throws {
    let one = try await made()
    try world.checkpoint(run, step: 9)
    let other = try await made(["dataset": .string(dataset), "model": .string("\(run)@9")])
    let answer = try await world.call(
      "POST", "/v1/indexes/\(one)/compare", json: ["with": .string(other), "k": 5, "queries": 20])
    let object = try answer.object()
    // The fake models are one and the same function.
    #expect(object["overlap"] == 1.0 && object["queries"] == 20)
    #expect(object["data"]?.arrayValue?.count == 10)
    let precision = object["first"]?.objectValue?["precision"]?.doubleValue
    #expect(precision == object["second"]?.objectValue?["precision"]?.doubleValue)
    #expect((0...1).contains(precision ?? -1))
    let elsewhere = try await Self.pictures(8, in: world, name: "Others")
    let third = try await made(["dataset": .string(elsewhere), "model": .string("\(run)")])
    let refused = try await world.call(
      "POST", "/v1/indexes/\(one)/compare", json: ["with": .string(third)])
    #expect(refused.status == 409)
    #expect(try refused.object()["code"] == "dataset_conflict")
  }

  @Test func `pictures nearly alike are grouped by how alike they must be`() async throws {
    let id = try await made()
    func groups(_ threshold: String) async throws -> JSONObject {
      try await world.call(
        "GET", "/v1/indexes/\(id)/duplicates", query: [("threshold", threshold), ("limit", "5")]
      ).object()
    }
    #expect(try await groups("0.5")["groups"] == 1)
    #expect(try await groups("0.5")["items"] == 60)
    let close = try await groups("0.99999")
    // Dark colours differ more than bright ones do.
    #expect(close["groups"] == 1 && (2..<50).contains(close["items"]?.integerValue ?? 0))
    #expect(close["data"]?.arrayValue?.first?.objectValue?["size"] == close["items"])
    for bad in ["0.4", "2", "x"] {
      let answer = try await world.call(
        "GET", "/v1/indexes/\(id)/duplicates", query: [("threshold", bad)])
      #expect(answer.status == 400)
    }
  }

  @Test func `a sprite shows the pictures in the order of the vectors`() async throws {
    let id = try await made()
    let response = try await world.call(
      "GET", "/v1/indexes/\(id)/export", query: [("format", "projector-sprite")])
    #expect(response.status == 200 && response.headers["Content-Type"] == "image/png")
    #expect(response.headers["X-Sprite-Side"] == "64")
    let sprite = try decode(response.bytes)
    // 60 pictures: eight across, the last four places black. The fake admission draws picture n in red n.
    #expect(sprite.width == 512 && sprite.height == 512)
    for row in [0, 7, 8, 59] {
      #expect(sprite[row % 8 * 64 + 32, row / 8 * 64 + 32].0 == UInt8(row), "\(row)")
    }
    #expect(sprite[511, 511] == (0, 0, 0))
    #expect(ProjectorSprite(count: 262_144) == ProjectorSprite(across: 512, side: 8))
    #expect(ProjectorSprite(count: 262_145) == nil && ProjectorSprite(count: 1)?.side == 64)
  }

  @Test(arguments: IndexExport.allCases)
  func `each export has a line or a row for each item`(form: IndexExport) async throws {
    let id = try await made()
    let answer = try await world.call(
      "GET", "/v1/indexes/\(id)/export", query: [("format", form.rawValue)])
    #expect(answer.headers["Content-Type"] == form.mediaType)
    #expect(answer.headers["Content-Disposition"]?.contains(form.fileName) == true)
    let index = try VectorIndex(directory: world.folder + "/indexes/\(id)")
    let bytes = index.pieces(form).reduce([], +)
    let lines = bytes.count { $0 == 0x0A }
    switch form {
    case .npy: #expect(bytes.count == 128 + 60 * 4 * 4)
    case .items, .csv, .projectorMetadata: #expect(lines == 61)
    case .qdrant, .pgvector, .projectorVectors: #expect(lines == 60)
    }
  }

  @Test func `a cancelled index leaves nothing, and its dataset can go again`() async throws {
    let gate = Gate()
    let world = try World(
      loader: EncoderLoader(
        load: { _ in
          var encoder = FakeEncoder()
          encoder.gate = gate
          return encoder
        }, fingerprint: { _ in "f" }))
    let run = try await world.run()
    try world.checkpoint(run, step: 5)
    let dataset = try await Self.pictures(10, in: world, name: "Few")
    let created = try await world.call(
      "POST", "/v1/indexes", json: ["dataset": .string(dataset), "model": .string("\(run)")])
    let id = try #require(try created.object()["id"]?.stringValue)
    #expect(try await world.call("DELETE", "/v1/datasets/\(dataset)").status == 409)
    let cancelled = try await world.call("DELETE", "/v1/indexes/\(id)")
    #expect(cancelled.status == 202)
    #expect(try cancelled.object()["state"] == "cancelled")
    gate.open()
    #expect(try await world.call("DELETE", "/v1/datasets/\(dataset)").status == 204)
    for _ in 0..<3000 {
      let left = try FileManager.default.contentsOfDirectory(atPath: world.folder + "/indexes")
      if left == ["\(id).json"] { break }
      try await Task.sleep(for: .milliseconds(10))
    }
    let left = try FileManager.default.contentsOfDirectory(atPath: world.folder + "/indexes")
    #expect(left == ["\(id).json"])
    #expect(try await world.call("DELETE", "/v1/indexes/\(id)").status == 204)
  }

  @Test func `a service that ended takes the index up again`() async throws {
    let id = try await made()
    // As a service that was killed would have left it.
    let path = world.folder + "/indexes/\(id)"
    let text = try String(contentsOfFile: path + ".json", encoding: .utf8)
    try Data(text.replacing(#""state":"succeeded""#, with: #""state":"running""#).utf8)
      .write(to: URL(filePath: path + ".json"))
    try FileManager.default.moveItem(atPath: path + "/model.safetensors", toPath: path + ".model")
    try FileManager.default.removeItem(atPath: path)
    let library = try IndexLibrary(
      directory: world.folder + "/indexes",
      packDirectory: { [library = world.library] in library.path(of: $0) }, loader: fakeLoader,
      workers: 2)
    await library.begin()
    let identifier = try #require(Identifier(id))
    for _ in 0..<3000 {
      if try await library.record(identifier).state == .succeeded { break }
      try await Task.sleep(for: .milliseconds(10))
    }
    #expect(try await library.index(identifier).index.count == 60)
    await library.end()
  }
}
