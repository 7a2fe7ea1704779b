import DatasetLibrary
import Foundation
import HTTP
import Identifiers
import JSONTree
import Runs
import Synchronization
import Testing
import Training

@testable import API

/// `GET /v1/status`; `World` holds each answer to the contract.
@Suite struct StatusTests {
  private func status(_ world: World) async throws -> JSONObject {
    try await world.call("GET", "/v1/status").object()
  }

  private func member(_ object: JSONObject, _ path: String...) -> JSONValue? {
    path.reduce(.object(object)) { value, name in value?.objectValue?[name] }
  }

  @Test func `the status of a fresh service has every part and no figures of the disk yet`()
    async throws
  {
    let world = try World()
    let status = try await status(world)
    #expect(status["version"] == "0")
    #expect(status["commit"] == .null)
    #expect(try #require(status["uptime_seconds"]?.doubleValue) >= 0)
    #expect(try #require(member(status, "memory", "resident_bytes")?.integerValue) > 1 << 20)
    #expect(try #require(member(status, "disk", "total_bytes")?.integerValue) > 0)
    #expect(member(status, "disk", "measured_at") == .null)
    #expect(member(status, "queues", "embeddings", "capacity") == 512)
    #expect(status["models"] == [])
    #expect(status["errors"] == [])
    #expect(member(status, "sandbox", "seccomp_filter") != nil)
  }

  @Test func `what the latest worker is held to is told as it measured it, and nothing before`()
    async throws
  {
    let world = try World()
    #expect(member(try await status(world), "workers", "confinement") == .null)
    for landlock in [7, 0] {
      let confinement = ProcessConfinement(
        seccomp: landlock > 0, noNewPrivileges: true, landlock: landlock)
      world.runs.state.withLock {
        $0.confinement = ReportedConfinement(
          confinement: confinement, at: Timestamp(milliseconds: 1_000))
      }
      let told = member(try await status(world), "workers", "confinement")
      #expect(
        told == [
          "seccomp": .bool(landlock > 0), "no_new_privileges": true,
          "landlock": .integer(Int64(landlock)), "reported_at": "1970-01-01T00:00:01.000Z",
        ])
    }
  }

  @Test func `the disk is told by dataset, run and index, with names`() async throws {
    let world = try World()
    let run = try await world.run()
    try world.checkpoint(run, step: 1)
    let dataset = try await world.runs.record(run).run.dataset
    try FileManager.default.createDirectory(
      atPath: world.folder + "/datasets/.incoming-x", withIntermediateDirectories: true)
    try Data(count: 100_000).write(to: URL(fileURLWithPath: world.folder + "/byol.sqlite"))
    try Data(count: 10_000).write(to: URL(fileURLWithPath: world.folder + "/indexes/a.json"))
    try Data(count: 10_000).write(to: URL(fileURLWithPath: world.folder + "/indexes/a.model"))
    await world.service.disk.measure()
    let disk = try #require(try await status(world)["disk"]?.objectValue)
    #expect(disk["complete"] == true)
    #expect(member(disk, "datasets", "count") == 1)
    let largest = try #require(member(disk, "datasets", "largest")?.arrayValue?.first?.objectValue)
    #expect(largest["id"] == .string(dataset))
    #expect(largest["name"] == .string(try world.library.record(dataset).name))
    #expect(try #require(largest["bytes"]?.integerValue) > 0)
    #expect(
      member(disk, "runs", "largest")?.arrayValue?.first?.objectValue?["id"]
        == .string(run.description))
    let index = try #require(member(disk, "indexes", "largest")?.arrayValue)
    #expect(index.count == 1)
    #expect(index[0].objectValue?["name"] == .null)
    #expect(try #require(index[0].objectValue?["bytes"]?.integerValue) >= 20_000)
    #expect(try #require(disk["database_bytes"]?.integerValue) >= 100_000)
    #expect(try #require(disk["unfinished_bytes"]?.integerValue) > 0)
  }

  @Test func `a measurement ends at its limit, says so, and names the largest only`() async throws {
    let folder = NSTemporaryDirectory() + "byol-disk-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for (name, size) in [("a", 9000), ("b", 90_000), ("c", 9)] {
      let path = folder + "/runs/" + name
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      try Data(count: size).write(to: URL(fileURLWithPath: path + "/file"))
    }
    let whole = DiskUsage(folder: folder)
    await whole.measure()
    let reading = try #require(whole.latest())
    #expect(reading.isComplete)
    #expect(reading.runs.map(\.id) == ["b", "a", "c"])
    var limits = DiskUsageLimits()
    limits.entries = 3
    let short = DiskUsage(folder: folder, limits: limits)
    await short.measure()
    #expect(try #require(short.latest()).isComplete == false)
  }

  @Test func `the disk is measured again after the pause and not before`() async throws {
    let now = Mutex(ContinuousClock.now)
    let measured = Counter()
    let clock = RunClock(
      timeOfDay: {
        measured.add()
        return .now()
      }, instant: { now.withLock { $0 } })
    let folder = NSTemporaryDirectory() + "byol-disk-\(UUID().uuidString)"
    let disk = DiskUsage(folder: folder, clock: clock)
    await disk.measure()
    for _ in 0..<3 { #expect(disk.latest() != nil) }
    now.withLock { $0 += .seconds(29) }
    _ = disk.latest()
    #expect(measured.value == 1)
    now.withLock { $0 += .seconds(1) }
    _ = disk.latest()
    for _ in 0..<2000 where measured.value < 2 { try await Task.sleep(for: .milliseconds(5)) }
    #expect(measured.value == 2)
  }

  @Test func `errors are told newest first, the same ones counted, without what clients wrote`()
    async throws
  {
    let world = try World()
    let missing = Identifier("0199e6a2-6f0c-7c1e-9a55-0c7bb3f1a001")?.description ?? ""
    for _ in 0..<3 { _ = try await world.call("GET", "/v1/runs/\(missing)") }
    _ = try await world.call(
      "POST", "/v1/datasets", json: ["path": "/home/somebody/secret pictures"])
    let errors = try #require(try await status(world)["errors"]?.arrayValue)
    #expect(errors.count == 2)
    let (newest, oldest) = (errors.first?.objectValue, errors.last?.objectValue)
    #expect(newest?["code"] == "path_not_allowed")
    #expect(newest?["operation"] == "POST /v1/datasets")
    #expect(newest?["request"] == "test")
    #expect(newest?["detail"]?.stringValue?.contains("secret") == false)
    #expect(oldest?["code"] == "not_found")
    #expect(oldest?["count"] == 3)
  }

  @Test func `the newest fifty errors stay`() {
    let errors = RecentErrors()
    for number in 0..<60 {
      errors.add(
        APIError(.internalError, "It broke."), operation: "GET /\(number)", request: "r",
        at: Timestamp(milliseconds: Int64(number)))
    }
    let kept = errors.newestFirst
    #expect(kept.count == 50)
    #expect(kept.first?.operation == "GET /59")
    #expect(kept.last?.operation == "GET /10")
    errors.add(
      APIError(.internalError, String(repeating: "x", count: 1000)), operation: "GET /0",
      request: "r", at: .now())
    #expect(errors.newestFirst[0].sentence.count == 400)
  }

  @Test(arguments: [
    (#"There is no run "secret/x"."#, #"There is no run "…"."#),
    (#"An end is missing: "secret"#, #"An end is missing: "…""#),
    ("read /var/lib/byol/pack: Input/output error", "read … …"),
    ("The disk of the data folder is full.", "The disk of the data folder is full."),
  ])
  func `sentences lose quotations and paths`(given: String, kept: String) {
    #expect(publicSentence(given).hasPrefix(kept))
    #expect(!publicSentence(given).contains("secret"))
  }

  @Test func `a model in memory is told with its size`() async throws {
    let world = try World()
    try world.checkpoint(try await world.run(), step: 1)
    let picture = try plainBytes(red: 1)
    #expect(
      try await world.call("POST", "/v1/embeddings", query: [("model", "latest")], body: picture)
        .status == 200)
    let models = try #require(try await status(world)["models"]?.arrayValue)
    #expect(models.count == 1)
    #expect(models[0].objectValue?["bytes"] == 100)
    let used = try #require(models[0].objectValue?["last_used_at"]?.stringValue)
    #expect(try #require(Timestamp(used)) > Timestamp.now().adding(seconds: -60))
  }

  @Test func `what the kernel tells of the process is read, and its absence too`() {
    let text = """
      Name:\tbyol
      VmHWM:\t    2048 kB
      VmRSS:\t    1024 kB
      NoNewPrivs:\t1
      Seccomp:\t2
      """
    let status = ProcessStatus(parsing: text)
    #expect(status.peakByteCount == 2 << 20 && status.residentByteCount == 1 << 20)
    #expect(status.hasNoNewPrivileges && status.hasFilter)
    let nothing = ProcessStatus(parsing: "Seccomp:\t1\nNoNewPrivs:\t0\n")
    #expect(nothing.residentByteCount == nil)
    #expect(!nothing.hasNoNewPrivileges && !nothing.hasFilter)
  }
}
