import API
import Access
import Durability
import Foundation
import HTTP
import Identifiers
import JSONTree
import Runs
import Synchronization
import Testing
import Yams

/// Who may call what, and what the others are told.
@Suite struct `Access to routes` {
  /// A folder of keys, one of each role under the role's name, and a world behind its door.
  private final class Door: Sendable {
    let folder = NSTemporaryDirectory() + "byol-door-\(UUID().uuidString)"
    let secrets: [AccessRole: String]
    let world: World

    init(limits: KeyLimits = KeyLimits()) throws {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
      let file = KeyFile(dataFolder: folder)
      var generator = SystemRandomNumberGenerator()
      var secrets: [AccessRole: String] = [:]
      for role in AccessRole.allCases {
        let secret = KeySecret(using: &generator)
        secrets[role] = secret.text
        let key = AccessKey(
          name: role.rawValue, digest: secret.digest, roles: [role], createdAt: .now(),
          limits: limits)
        try file.change { (ring) throws(KeyRingError) in try ring.add(key) }
      }
      self.secrets = secrets
      // Every look at the file is a look, since a second passes between any two.
      let seconds = Mutex(0)
      let start = ContinuousClock.now
      let clock = AccessClock(instant: {
        seconds.withLock { seconds in
          seconds += 1
          return start + .seconds(seconds)
        }
      })
      world = try World(access: AccessControl(file: file, clock: clock))
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func revoke(_ role: AccessRole) throws {
      try KeyFile(dataFolder: folder).change { (ring) throws(KeyRingError) in
        try ring.remove(role.rawValue)
      }
    }

    func call(
      _ method: String, _ path: String, _ role: AccessRole?, headers: Headers = Headers(),
      body: [UInt8] = []
    ) async throws -> Response {
      var headers = headers
      if let secret = role.flatMap({ secrets[$0] }) {
        headers.set("Authorization", "Bearer \(secret)")
      }
      return try await world.call(method, path, headers: headers, body: body)
    }
  }

  /// The role that the contract names for each operation; an empty text for those that need none.
  private func contractRoles() throws -> [String: String] {
    let text = String(decoding: try repositoryFile("openapi.yaml"), as: UTF8.self)
    let document = try #require(try Yams.load(yaml: text) as? [String: Any])
    var roles: [String: String] = [:]
    for (path, item) in document["paths"] as? [String: [String: Any]] ?? [:] {
      for case (let method, let operation as [String: Any]) in item where method != "parameters" {
        let name = "\(method.uppercased()) \(path)"
        let security = try #require(operation["security"] as? [[String: [String]]], "\(name)")
        roles[name] = security.compactMap { $0["bearer"]?.first }.first ?? ""
        let byCertificate = security.compactMap { $0["certificate"]?.first }.first ?? ""
        #expect(byCertificate == roles[name], "\(name)")
        let responses = try #require(operation["responses"] as? [String: Any])
        for status in ["401", "403", "429"] where !security.isEmpty {
          #expect(responses[status] != nil, "\(name) \(status)")
        }
      }
    }
    return roles
  }

  private func path(of pattern: String) -> String {
    let id = "01890a5d-ac96-774b-bcce-b302099a8057"
    return pattern.replacing("{id}", with: id).replacing(#/\{\w+\}/#, with: "1")
  }

  @Test func `each route needs the role that the contract names, and no other key opens it`()
    async throws
  {
    let door = try Door()
    let roles = try contractRoles()
    #expect(Set(roles.values) == ["", "read", "embed", "train", "admin"])
    for route in door.world.service.routes {
      let name = "\(route.method) \(route.pattern)"
      let needed = try #require(roles[name], "\(name)")
      let stranger = try await door.call(route.method, path(of: route.pattern), nil)
      guard let role = AccessRole(rawValue: needed) else {
        #expect(![401, 403].contains(stranger.status), "\(name)")
        continue
      }
      #expect(stranger.status == 401, "\(name)")
      #expect(stranger.headers["WWW-Authenticate"] == #"Bearer realm="byol""#)
      #expect(try stranger.problemCode() == "missing_key")
      for holder in AccessRole.allCases {
        let answer = try await door.call(route.method, path(of: route.pattern), holder)
        let label = "\(name) by \(holder)"
        #expect((answer.status == 403) == !holder.includes(role), "\(label): \(answer.status)")
        #expect(answer.status != 401 && answer.caller == holder.rawValue, "\(label)")
        if answer.status == 403 {
          let challenge = answer.headers["WWW-Authenticate"]
          #expect(challenge?.hasSuffix(#"error="insufficient_scope", scope="\#(needed)""#) == true)
          #expect(try answer.problemCode() == "role_missing")
        }
      }
    }
  }

  @Test func `a role on every route but those that everybody may call`() throws {
    let open = try contractRoles().filter { $0.value.isEmpty }.keys
    #expect(Set(open) == ["GET /livez", "GET /readyz", "GET /openapi.yaml", "GET /"])
  }

  @Test func `nothing of what was shown comes back`() async throws {
    let door = try Door()
    let guess = "byol_" + String(repeating: "5", count: 64)
    for field in ["Bearer \(guess)", "Bearer hunter2-\(guess)", "Basic \(guess)"] {
      let answer = try await door.world.call(
        "GET", "/v1/runs", headers: ["Authorization": field])
      #expect(answer.status == 401)
      let text = String(decoding: answer.bytes, as: UTF8.self) + "\(answer.headers)"
      #expect(!text.contains("5555") && !text.contains("hunter2"), "\(field)")
    }
    var twice: Headers = ["Authorization": "Bearer \(guess)"]
    twice.append("Authorization", "Bearer \(door.secrets[.admin] ?? "")")
    let answer = try await door.world.call("GET", "/v1/runs", headers: twice)
    #expect(
      answer.status == 400
        && answer.headers["WWW-Authenticate"]?.contains("invalid_request") == true)
  }

  @Test func `a refusal reads nothing of the body`() async throws {
    let door = try Door()
    let reads = Counter()
    let body = RequestBody(contentLength: nil) {
      reads.add()
      return nil
    }
    let route = try #require(
      door.world.service.routes.first { $0.method == "POST" && $0.pattern == "/v1/datasets" })
    let answer = try await route.handler(
      Request(method: "POST", path: "/v1/datasets", body: body))
    #expect(answer.status == 401 && reads.value == 0)
  }

  @Test func `a stream ends when its key is revoked, and counts until then`() async throws {
    let door = try Door(limits: KeyLimits(requestsInFlight: 1))
    let run =
      try await door.call(
        "POST", "/v1/datasets", .train, body: tar()
      ).object()["id"]?.stringValue ?? ""
    let body: JSONValue = ["dataset": .string(run), "epochs": 1]
    let made = try await door.call(
      "POST", "/v1/runs", .train, headers: ["Content-Type": "application/json"],
      body: body.encoded)
    let id = try #require(try made.object()["id"]?.stringValue)
    let path = "/v1/runs/\(id)/events"
    let answer = try await door.call(
      "GET", path, .read, headers: ["Accept": "text/event-stream"])
    guard case .events(let write) = answer.body else {
      Issue.record("There is no stream: \(answer.status)")
      return
    }
    let busy = try await door.call("GET", path, .read)
    #expect(busy.status == 429 && busy.headers["Retry-After"] == "1")
    try door.revoke(.read)
    await #expect(throws: CancellationError.self) { try await write(ResponseWriter { _ in }) }
    #expect(try await door.call("GET", path, .read).status == 401)
  }

  @Test func `who asks too fast is told when to come again`() async throws {
    let door = try Door(limits: KeyLimits(requestsPerSecond: 0.01))
    #expect(try await door.call("GET", "/v1/runs", .read).status == 200)
    let answer = try await door.call("GET", "/v1/runs", .read)
    #expect(answer.status == 429)
    let seconds = try #require(answer.headers["Retry-After"].flatMap { Int($0) })
    #expect((90...100).contains(seconds))
    #expect(try answer.problemCode() == "too_many_requests")
  }

  @Test func `the metrics count keys by name and never by value`() async throws {
    let door = try Door()
    _ = try await door.call("GET", "/v1/runs", .train)
    _ = try await door.call("PUT", "/v1/models/default", .train)
    _ = try await door.call("GET", "/v1/runs", nil)
    let page = String(
      decoding: try await door.call("GET", "/metrics", .read).bytes, as: UTF8.self)
    for line in [
      #"byol_key_requests_total{key="train",outcome="admitted"} 1"#,
      #"byol_key_requests_total{key="train",outcome="forbidden"} 1"#,
      #"byol_unknown_key_requests_total{reason="missing"} 1"#,
      #"byol_key_requests_in_flight{key="read"} 1"#,
    ] {
      #expect(page.contains(line), "\(line)")
    }
    for secret in door.secrets.values { #expect(!page.contains(secret)) }
  }

  @Test func `keys that cannot be read let nobody in and say so to nobody in particular`()
    async throws
  {
    let door = try Door()
    try Data("{".utf8).write(to: URL(fileURLWithPath: door.folder + "/keys.json"))
    let answer = try await door.call("GET", "/v1/runs", .admin)
    #expect(answer.status == 503 && answer.headers["Retry-After"] == "30")
    #expect(try answer.problemCode() == "keys_unreadable")
    #expect(try await door.call("GET", "/livez", nil).status == 200)
  }

  @Test func `a key's datasets and runs take no more of the disk than it may`() async throws {
    let door = try Door(limits: KeyLimits(diskBytes: 600))
    let first = try await door.call("POST", "/v1/datasets", .train, body: tar())
    let dataset = try first.object()
    #expect(first.status == 201 && dataset["created_by"] == "train")
    let size = try #require(dataset["size_bytes"]?.integerValue)
    #expect((89...600).contains(size))
    let second = try await door.call("POST", "/v1/datasets", .train, body: tar())
    #expect(second.status == 403)
    #expect(try second.problemCode() == "quota_exceeded")
    // What another made counts for another, and what is removed counts no more.
    let other = try await door.call("POST", "/v1/datasets", .admin, body: tar())
    #expect(other.status == 201)
    let id = try #require(dataset["id"]?.stringValue)
    #expect(try await door.call("DELETE", "/v1/datasets/\(id)", .train).status == 204)
    let third = try await door.call("POST", "/v1/datasets", .train, body: tar())
    #expect(third.status == 201)
    let body: JSONValue = ["dataset": try #require(try other.object()["id"]), "epochs": 1]
    let run = try await door.call(
      "POST", "/v1/runs", .train, headers: ["Content-Type": "application/json"],
      body: body.encoded)
    #expect(run.status == 403)
    #expect(try run.problemCode() == "quota_exceeded")
    #expect(door.world.datasetFolders.allSatisfy { !$0.hasPrefix(".") })
  }

  @Test func `runs on the disk count toward the quota`() async throws {
    let door = try Door(limits: KeyLimits(diskBytes: 1 << 40))
    let dataset = try await door.call("POST", "/v1/datasets", .train, body: tar()).object()
    let body: JSONValue = ["dataset": try #require(dataset["id"]), "epochs": 1]
    func create() async throws -> Response {
      try await door.call(
        "POST", "/v1/runs", .train, headers: ["Content-Type": "application/json"],
        body: body.encoded)
    }
    let first = try await create()
    let run = try first.object()
    #expect(first.status == 201 && run["created_by"] == "train")
    let id = try #require(Identifier(run["id"]?.stringValue ?? ""))
    let folder = door.world.runs.directory(of: id) + "/checkpoints/1"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data().write(to: URL(fileURLWithPath: folder + "/state"))
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: folder + "/state"))
    // A file with a hole: as long as it says, and on the disk it is nothing.
    try file.truncate(atOffset: 1 << 40)
    #expect(try await create().status == 403)
    #expect(try await door.call("POST", "/v1/datasets", .train, body: tar()).status == 403)
  }

  @Test func `a key that has trained its hours is refused, and an admin sees what is used`()
    async throws
  {
    let door = try Door(limits: KeyLimits(trainingHoursPerDay: 8))
    let allowance = TrainingAllowance(
      owner: "train", usedSeconds: 28_801.2, allowedSeconds: 28_800,
      renewsAt: Timestamp(milliseconds: 86_400_000))
    let dataset = try await door.call("POST", "/v1/datasets", .train, body: tar()).object()
    let body: JSONValue = ["dataset": try #require(dataset["id"]), "epochs": 1]
    func create() async throws -> Response {
      try await door.call(
        "POST", "/v1/runs", .train, headers: ["Content-Type": "application/json"],
        body: body.encoded)
    }
    #expect(try await create().status == 201)
    door.world.runs.state.withLock {
      $0.allowances["train"] = allowance
      $0.refusal = .trainingTimeUsedUp(allowance)
    }
    let refused = try await create()
    #expect(refused.status == 403)
    #expect(try refused.problemCode() == "quota_exceeded")
    #expect(try refused.object()["detail"]?.stringValue?.contains("8.0 hours") == true)
    let shown = try await door.call("GET", "/v1/status", .admin).object()["training_time"]
    #expect(
      shown == [
        [
          "key": "train", "used_seconds": 28_801, "allowed_seconds": 28_800,
          "renews_at": "1970-01-02T00:00:00.000Z",
        ]
      ])
    for role in [AccessRole.read, .embed, .train] {
      #expect(try await door.call("GET", "/v1/status", role).object()["training_time"] == .null)
    }
  }

  @Test func `an idempotency key of one caller says nothing of another's`() async throws {
    let door = try Door()
    let dataset = try await door.call("POST", "/v1/datasets", .train, body: tar()).object()
    var made: Set<String> = []
    for (role, epochs) in [(AccessRole.train, 1), (.admin, 2), (.train, 1)] {
      let body: JSONValue = [
        "dataset": try #require(dataset["id"]), "epochs": .integer(Int64(epochs)),
      ]
      let answer = try await door.call(
        "POST", "/v1/runs", role,
        headers: ["Content-Type": "application/json", "Idempotency-Key": "nightly"],
        body: body.encoded)
      #expect(answer.status == 201)
      made.insert(try #require(try answer.object()["id"]?.stringValue))
    }
    #expect(made.count == 2)
  }
}
