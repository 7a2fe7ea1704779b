import API
import DatasetLibrary
import Foundation
import HTTP
import Identifiers
import Images
import JSONTree
import Runs
import Testing

/// `/v1/datasets`
@Suite struct DatasetTests {
  @Test func `an archive becomes a dataset with a report`() async throws {
    let world = try World()
    let response = try await world.call(
      "POST", "/v1/datasets", query: [("name", "cats")], body: tar())
    #expect(response.status == 201)
    let id = try #require(try response.object()["id"]?.stringValue)
    #expect(response.headers["Location"] == "/v1/datasets/\(id)")
    let read = try await world.call("GET", "/v1/datasets/\(id)").object()
    #expect(read["name"] == "cats")
    #expect(read["pictures"] == 600)
    #expect(read["report"]?.objectValue?["accepted"] == 600)
    #expect(world.datasetFolders == [id])
  }

  @Test(arguments: [
    ("no archive at all", [UInt8]("hello, world".utf8), 415, "unsupported_media_type"),
    ("no bytes", [], 422, "dataset_rejected"),
    ("a broken archive", tar("BROKEN"), 422, "dataset_rejected"),
    ("a full disk", tar("FULL"), 507, "disk_full"),
    ("too many bytes", tar(String(repeating: "x", count: 1 << 20)), 413, "payload_too_large"),
  ])
  func `a refused upload leaves nothing behind`(
    name: String, body: [UInt8], status: Int, code: String
  ) async throws {
    let world = try World()
    let response = try await world.call("POST", "/v1/datasets", body: body)
    #expect(response.status == status, "\(name)")
    #expect(try response.problemCode() == code)
    #expect(world.datasetFolders == [])
  }

  @Test func `a full disk while bytes come in is told as 507`() throws {
    var file = try IncomingFile(path: "/dev/full", limit: 1 << 20, removing: false)
    #expect(throws: DatasetLibraryError.diskFull) { try file.append(tar()) }
  }

  @Test func `a key and the same bytes give the first reply again, other bytes are refused`()
    async throws
  {
    let world = try World()
    let headers: Headers = ["Idempotency-Key": "k"]
    func send(_ body: [UInt8]) async throws -> Response {
      try await world.call("POST", "/v1/datasets", headers: headers, body: body)
    }
    let first = try await send(tar())
    let second = try await send(tar())
    #expect(first.status == 201 && second.status == 201)
    #expect(first.bytes == second.bytes && first.headers["Location"] == second.headers["Location"])
    #expect(world.datasetFolders.count == 1)
    let other = try await send(tar("other"))
    #expect(other.status == 422)
    #expect(try other.problemCode() == "idempotency_conflict")
    // The key is remembered with the dataset, and goes with it.
    let id = try #require(try first.object()["id"]?.stringValue)
    let reopened = try DatasetLibrary(
      directory: world.folder + "/datasets", admission: FakeAdmission())
    #expect(try reopened.record(id).idempotency?.key == "k")
    #expect(try await world.call("DELETE", "/v1/datasets/\(id)").status == 204)
    let third = try await send(tar("other"))
    #expect(third.status == 201)
  }

  @Test func `a dataset's pictures are listed page by page, all or those of a label`() async throws
  {
    let world = try World()
    let made = try await world.call("POST", "/v1/datasets", body: tar()).object()
    let path = "/v1/datasets/\(try #require(made["id"]?.stringValue))/images"
    let page = try await world.call("GET", path, query: [("limit", "2"), ("after", "3")]).object()
    #expect(page["data"]?.arrayValue?.map { $0.objectValue?["n"] } == [4, 5])
    #expect(page["last_id"] == 5 && page["has_more"] == true)
    let cats = try await world.call("GET", path, query: [("limit", "2"), ("label", "cat")]).object()
    #expect(cats["data"]?.arrayValue?.map { $0.objectValue?["name"] } == ["0.png", "2.png"])
    let others = try await world.call("GET", path, query: [("limit", "1"), ("label", "")]).object()
    #expect(others["data"]?.arrayValue?.map { $0.objectValue?["label"] } == [.null])
    let last = try await world.call("GET", path, query: [("after", "599")]).object()
    #expect(last["data"] == [] && last["has_more"] == false && last["last_id"] == .null)
    for (name, value) in [("label", "dog"), ("split", "half"), ("after", "-1"), ("limit", "101")] {
      #expect(try await world.call("GET", path, query: [(name, value)]).status == 400, "\(name)")
    }
  }

  @Test func `a dataset gets another name, also for the next service`() async throws {
    let world = try World()
    let made = try await world.call("POST", "/v1/datasets", body: tar()).object()
    let id = try #require(made["id"]?.stringValue)
    func rename(_ body: String, _ id: String) async throws -> Response {
      try await world.call(
        "PATCH", "/v1/datasets/\(id)", headers: ["Content-Type": "application/json"],
        body: [UInt8](body.utf8))
    }
    #expect(try await rename(#"{"name": "holidays"}"#, id).object()["name"] == "holidays")
    let reopened = try DatasetLibrary(
      directory: world.folder + "/datasets", admission: FakeAdmission())
    #expect(try reopened.record(id).name == "holidays")
    for body in [#"{"name": ""}"#, "{}", #"{"name": 3}"#, #"{"label": "x"}"#] {
      #expect(try await rename(body, id).status == 422, "\(body)")
    }
    #expect(
      try await rename(#"{"name": "a"}"#, "\(IdentifierSource().next(at: .now()))").status == 404)
  }

  @Test func `a dataset that is being admitted is shown with its progress, and not used`()
    async throws
  {
    let gate = Gate()
    let world = try World(admission: FakeAdmission(gate: gate))
    let upload = Task {
      try await world.call("POST", "/v1/datasets", query: [("name", "cats")], body: tar())
    }
    var listed: JSONObject?
    while listed == nil {
      let list = try await world.call("GET", "/v1/datasets").object()
      listed = list["data"]?.arrayValue?.first?.objectValue
      if listed?["progress"]?.objectValue?["entries"] == 0 { listed = nil }
    }
    let shown = try #require(listed)
    let id = try #require(shown["id"]?.stringValue)
    #expect(shown["state"] == "admitting" && shown["name"] == "cats" && shown["pictures"] == 7)
    let progress = shown["progress"]?.objectValue
    #expect(progress?["entries"] == 9 && progress?["accepted"] == 7)
    #expect(progress?["rejected"] == 2 && progress?["pack_bytes"] == 70_000)
    let read = try await world.call("GET", "/v1/datasets/\(id)").object()
    #expect(read["state"] == "admitting" && read["progress"] == shown["progress"])
    for (method, path, body) in [
      ("GET", "/v1/datasets/\(id)/images/0", ""), ("POST", "/v1/datasets/\(id)/views", "{}"),
      ("DELETE", "/v1/datasets/\(id)", ""),
    ] {
      let refused = try await world.call(method, path, body: Array(body.utf8))
      #expect(refused.status == 409, "\(method) \(path)")
      #expect(try refused.problemCode() == "dataset_not_ready")
    }
    gate.open()
    let made = try await upload.value
    #expect(try made.object()["id"] == .string(id) && made.object()["state"] == "ready")
    let after = try await world.call("GET", "/v1/datasets/\(id)").object()
    #expect(after["state"] == "ready" && after["progress"] == nil && after["pictures"] == 600)
    #expect(try await world.call("GET", "/v1/datasets").object()["data"]?.arrayValue?.count == 1)
  }

  @Test func `a refused dataset is out of the list`() async throws {
    let world = try World()
    #expect(try await world.call("POST", "/v1/datasets", body: tar("BROKEN")).status == 422)
    #expect(try await world.call("GET", "/v1/datasets").object()["data"] == [])
  }

  @Test func `a key whose first request failed can be used again`() async throws {
    let world = try World()
    let headers: Headers = ["Idempotency-Key": "k"]
    let failed = try await world.call(
      "POST", "/v1/datasets", headers: headers, body: tar("BROKEN"))
    #expect(failed.status == 422)
    #expect(
      try await world.call("POST", "/v1/datasets", headers: headers, body: tar()).status == 201)
  }

  @Test func `a folder under a key is admitted once`() async throws {
    let world = try World()
    try Data(tar()).write(to: URL(fileURLWithPath: world.folder + "/allowed/a.tar"))
    let headers: Headers = ["Content-Type": "application/json", "Idempotency-Key": "k"]
    let body = JSONValue.object(["path": .string(world.folder + "/allowed/a.tar")]).encoded
    let first = try await world.call("POST", "/v1/datasets", headers: headers, body: body)
    let second = try await world.call("POST", "/v1/datasets", headers: headers, body: body)
    #expect(first.status == 201 && first.bytes == second.bytes)
    #expect(world.datasetFolders.count == 1)
  }

  @Test func `an upload that is no archive is refused before its end`() async throws {
    let world = try World()
    let pulled = Counter()
    let body = RequestBody(contentLength: nil) {
      pulled.add()
      return pulled.value < 100 ? [UInt8](repeating: 7, count: 512) : nil
    }
    await #expect(throws: DatasetLibraryError.unknownFormat) {
      try await world.library.admit(body: body, byteCount: nil, name: nil)
    }
    #expect(pulled.value == 1)
    #expect(world.datasetFolders == [])
  }

  @Test func `an archive under an allowed folder is admitted by path`() async throws {
    let world = try World()
    let path = world.folder + "/allowed/cats.tar"
    try Data(tar()).write(to: URL(fileURLWithPath: path))
    let body: JSONValue = ["path": .string(path)]
    let response = try await world.call("POST", "/v1/datasets", json: body)
    #expect(response.status == 201)
    let untold = try await world.call("POST", "/v1/datasets", body: body.encoded)
    #expect(untold.status == 201)
    #expect(try response.object()["name"] == "cats.tar")
    #expect(FileManager.default.fileExists(atPath: path))
  }

  @Test(arguments: ["/etc/passwd", "../x", "ALLOWED/../../secret.tar", "ALLOWED-not/x.tar"])
  func `a path outside the allowed folders is refused`(path: String) async throws {
    let world = try World()
    let full = path.replacing("ALLOWED", with: world.folder + "/allowed")
    let response = try await world.call("POST", "/v1/datasets", json: ["path": .string(full)])
    #expect(response.status == 403)
    #expect(try response.problemCode() == "path_not_allowed")
  }

  @Test func `a link out of the allowed folder is refused`() async throws {
    let world = try World()
    let link = world.folder + "/allowed/link"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "/etc")
    let response = try await world.call(
      "POST", "/v1/datasets", json: ["path": .string(link + "/passwd")])
    #expect(response.status == 403)
  }

  @Test func `an unknown field is named`() async throws {
    let world = try World()
    let response = try await world.call(
      "POST", "/v1/datasets", json: ["path": "/x", "paht": "/y"])
    #expect(response.status == 422)
    #expect(try response.problemFields() == ["paht"])
  }

  @Test func `the list has pages, newest first`() async throws {
    let world = try World()
    var ids: [String] = []
    for _ in 0..<3 { ids.append(try await world.dataset()) }
    let first = try await world.call("GET", "/v1/datasets", query: [("limit", "2")]).object()
    #expect(first["has_more"] == true)
    #expect(first["first_id"] == .string(ids[2]))
    let after = try #require(first["last_id"]?.stringValue)
    let second = try await world.call(
      "GET", "/v1/datasets", query: [("limit", "2"), ("after", after)]
    ).object()
    #expect(second["has_more"] == false)
    #expect(second["first_id"] == .string(ids[0]))
  }

  @Test func `a dataset that a run learns from stays, and goes when the run is over`() async throws
  {
    let world = try World()
    let run = try await world.run()
    let id = try await world.runs.record(run).run.dataset
    let refused = try await world.call("DELETE", "/v1/datasets/\(id)")
    #expect(refused.status == 409)
    #expect(try refused.problemCode() == "dataset_in_use")
    #expect(try await world.call("GET", "/v1/datasets/\(id)").status == 200)
    try world.runs.set(run, .stopped)
    #expect(try await world.call("DELETE", "/v1/datasets/\(id)").status == 204)
    #expect(try await world.call("GET", "/v1/datasets/\(id)").status == 404)
    #expect(world.datasetFolders == [])
    let start = try await world.call("POST", "/v1/runs/\(run)/start")
    #expect(start.status == 409)
  }

  @Test func `a picture comes as PNG, whole or as a thumbnail, with its label`() async throws {
    let world = try World()
    let path = "/v1/datasets/\(try await world.dataset())/images/7"
    let whole = try await world.call("GET", path)
    #expect(try decode(whole.bytes) == plain(red: 7))
    #expect(whole.headers["X-Image-Label"] == "a%20cat%2F%C3%A4")
    let thumbnail = try await world.call("GET", path, query: [("size", "16")])
    #expect(try decode(thumbnail.bytes).width == 16)
    let etag = try #require(whole.headers["ETag"])
    let again = try await world.call("GET", path, headers: ["If-None-Match": etag])
    #expect(again.status == 304)
  }

  @Test func `views come as a grid of what a run would learn from`() async throws {
    let world = try World()
    let path = "/v1/datasets/\(try await world.dataset())/views"
    let usual = try await world.call("POST", path, json: [:])
    #expect(usual.status == 200 && usual.headers["Content-Type"] == "image/png")
    let grid = try decode(usual.bytes)
    #expect((grid.width, grid.height) == (5 * 34 - 2, 8 * 34 - 2))
    let chosen = try await world.call(
      "POST", path,
      json: ["pictures": [7, 7], "shown_epochs": 1, "image_size": 16, "seed": 3, "epochs": 10])
    let shown = try decode(chosen.bytes)
    #expect((shown.width, shown.height) == (3 * 18 - 2, 2 * 18 - 2))
    #expect(shown[0, 0] == (7, 10, 20))
  }

  @Test(
    arguments: [
      (["pictures": [600]], "pictures"), (["pictures": []], "pictures"),
      (["pictures": "all"], "pictures"), (["pictures": [1.5]], "pictures"),
      (["shown_epochs": 9], "shown_epochs"), (["image_size": 7], "image_size"),
      (["augmentations": ["first": ["hue": 2]]], "augmentations.first.hue"), (["sise": 3], "sise"),
      (["image_size": 512, "shown_epochs": 8], "pictures"),
    ] as [(JSONValue, String)])
  func `views that cannot be shown are refused by the field`(
    body: JSONValue, field: String
  ) async throws {
    let world = try World()
    let response = try await world.call(
      "POST", "/v1/datasets/\(try await world.dataset())/views", json: body)
    #expect(response.status == 422)
    let faults = try response.object()["errors"]?.arrayValue ?? []
    #expect(faults.compactMap { $0.objectValue?["field"]?.stringValue } == [field])
  }

  @Test(arguments: ["600", "-1", "x", "99999999999999999999"])
  func `a picture that is not there is 404`(index: String) async throws {
    let world = try World()
    let response = try await world.call(
      "GET", "/v1/datasets/\(try await world.dataset())/images/\(index)")
    #expect(response.status == 404)
  }

  @Test func `datasets survive a restart and leftovers do not`() async throws {
    let world = try World()
    let id = try await world.dataset()
    let left = world.folder + "/datasets/.admitting-x"
    try FileManager.default.createDirectory(atPath: left, withIntermediateDirectories: true)
    let reopened = try DatasetLibrary(
      directory: world.folder + "/datasets", admission: FakeAdmission())
    #expect(try reopened.record(id) == (try world.library.record(id)))
    #expect(world.datasetFolders == [id])
  }
}
