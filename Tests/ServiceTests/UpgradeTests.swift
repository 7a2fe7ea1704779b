import Foundation
import JSONTree
import Testing

/// Data folders of released versions, made by their own binaries, are opened by this one.
@Suite(.timeLimit(.minutes(5))) struct UpgradeTests {
  /// The versions of which a fixture is kept; see `make_data_folder.py` beside them.
  static let versions = ["0.1.0", "0.2.0"]

  private struct Released {
    let folder: FreshFolder
    let expected: JSONObject
    var data: String { folder.path + "/data" }

    init(_ version: String) throws {
      folder = try FreshFolder()
      let archive = repositoryPath("Tests/ServiceTests/Fixtures/data-folder-\(version).tar.gz")
      let tar = Process()
      tar.executableURL = URL(fileURLWithPath: "/bin/tar")
      tar.arguments = ["-xzf", archive, "-C", folder.path]
      try tar.run()
      tar.waitUntilExit()
      #expect(tar.terminationStatus == 0)
      let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/expected.json"))
      expected = try #require(try JSONValue(parsing: Array(bytes)).objectValue)
      #expect(expected["version"] == .string(version))
    }

    func id(_ name: String) throws -> String { try #require(expected[name]?.stringValue) }
    var picture: [UInt8] {
      (expected["picture"]?.arrayValue ?? []).compactMap { $0.integerValue.map(UInt8.init) }
    }
  }

  private func vector(_ value: JSONValue?) -> [Double] {
    (value?.arrayValue ?? []).compactMap(\.doubleValue)
  }

  @Test(arguments: versions)
  func `everything in the folder of a released version is there and answers as it did`(
    version: String
  ) async throws {
    let released = try Released(version)
    let service = try await ServiceProcess(
      data: released.data, arguments: ["--threads", "1", "--precision", "float32"])
    let run = try await service.run(try released.id("run"))
    #expect(run["state"] == "succeeded" && run["name"] == "Fixture")
    #expect(run["metadata"]?.objectValue?["made"] == "for tests")
    let dataset = try await service.call("GET", "/v1/datasets/\(try released.id("dataset"))")
    #expect(try dataset.object()["pictures"] == 24)
    let image = try await service.call(
      "GET", "/v1/datasets/\(try released.id("dataset"))/images/3?size=16")
    #expect(image.status == 200)
    let metrics = try await service.call(
      "GET", "/v1/runs/\(try released.id("run"))/metrics?keys=loss")
    #expect(metrics.status == 200 && metrics.bytes.count > 50)
    let evaluation = try await service.call(
      "GET", "/v1/evaluations/\(try released.id("evaluation"))")
    #expect(try evaluation.object()["state"] == "succeeded")
    let reply = try await service.call(
      "POST", "/v1/embeddings", type: "image/png", body: released.picture)
    let object = try reply.object()
    #expect(object["fingerprint"] == released.expected["fingerprint"])
    let found = vector(object["data"]?.arrayValue?.first?.objectValue?["embedding"])
    let expected = vector(released.expected["embedding"])
    #expect(found.count == expected.count && !found.isEmpty)
    // Another family of processors rounds differently.
    let cosine = zip(found, expected).reduce(0) { $0 + $1.0 * $1.1 }
    #expect(cosine > 0.9999)
    let search = try await service.call(
      "POST", "/v1/indexes/\(try released.id("index"))/search", type: "image/png",
      body: released.picture)
    #expect(
      try search.object()["data"]?.arrayValue?.first?.objectValue?["name"]
        == released.expected["nearest"])
    #expect(service.end(SIGTERM) == 0)
  }

  @Test
  func `a folder that a newer version has changed is refused in a sentence, and stays as it is`()
    async throws
  {
    let released = try Released("0.1.0")
    func change(_ statement: String) throws {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = [
        "python3", "-c",
        "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.execute(sys.argv[2]); d.commit()",
        released.data + "/byol.sqlite", statement,
      ]
      try process.run()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
    }
    try change("INSERT INTO grdb_migrations VALUES ('99 of the future')")
    let result = try ServiceProcess.run(
      ["serve", "--data", released.data, "--port", "0", "--public", repositoryPath("Public")])
    #expect(result.status != 0)
    #expect(result.text.contains("The database was written by a newer version of byol"))
    #expect(result.text.contains("99 of the future"))
    let doctor = try ServiceProcess.run(["doctor", "--data", released.data, "--port", "0"])
    #expect(doctor.status == 1 && doctor.text.contains("fail  database: "))
    // The newer version, which knows its own mark, finds everything as it left it.
    try change("DELETE FROM grdb_migrations WHERE identifier = '99 of the future'")
    let service = try await ServiceProcess(data: released.data)
    #expect(try await service.run(try released.id("run"))["state"] == "succeeded")
    #expect(service.end(SIGTERM) == 0)
  }

  @Test func `a backup is checked, restored and served, and a damaged one is not`() async throws {
    let folder = try FreshFolder()
    let (copy, restored) = (folder.path + "/copy", folder.path + "/restored")
    let first = try await ServiceProcess(data: folder.path + "/data")
    let run = try await first.start(epochs: 2)
    let record = try await first.wait(for: run, state: "succeeded")
    #expect(try ServiceProcess.run(["backup", "--data", folder.path + "/data", copy]).status == 0)
    #expect(first.end(SIGTERM) == 0)
    let check = try ServiceProcess.run(["restore", "--check", copy, "--data", restored])
    #expect(check.status == 0, "\(check.text)")
    // The last one is kept, and the best where it is another.
    let kept = try FileManager.default.subpathsOfDirectory(atPath: copy).count {
      $0.contains("/checkpoints/") && $0.hasSuffix("/model.safetensors")
    }
    #expect((1...2).contains(kept))
    #expect(
      check.text.contains("1 runs, \(kept) checkpoints, 1 datasets, 0 indexes read back"),
      "\(check.text)")
    #expect(!FileManager.default.fileExists(atPath: restored))
    let result = try ServiceProcess.run(["restore", copy, "--data", restored])
    #expect(result.status == 0, "\(result.text)")
    let second = try await ServiceProcess(data: restored)
    #expect(try await second.run(run)["progress"] == record["progress"])
    #expect(second.end(SIGTERM) == 0)
    // A place that is taken is left alone, and a damaged copy is not restored.
    #expect(try ServiceProcess.run(["restore", copy, "--data", restored]).status == 64)
    let files = try FileManager.default.subpathsOfDirectory(atPath: copy)
    let state = try #require(files.first { $0.hasSuffix("/state.safetensors") })
    let url = URL(fileURLWithPath: copy + "/" + state)
    var bytes = try Data(contentsOf: url)
    bytes[bytes.count - 1] ^= 1
    try bytes.write(to: url)
    let damaged = try ServiceProcess.run(["restore", copy, "--data", restored + "2"])
    #expect(damaged.status == 1 && damaged.text.contains("has 1 faults"), "\(damaged.text)")
    #expect(!FileManager.default.fileExists(atPath: restored + "2"))
  }

  @Test func `garbage is shown, then removed, and never beside a service`() async throws {
    let released = try Released("0.1.0")
    let leftover = released.data + "/datasets/.incoming-x"
    let orphan = released.data + "/runs/nobody"
    try Data(count: 5000).write(to: URL(fileURLWithPath: leftover))
    try FileManager.default.createDirectory(atPath: orphan, withIntermediateDirectories: true)
    let shown = try ServiceProcess.run(["gc", "--data", released.data, "--dry-run"])
    #expect(shown.status == 0, "\(shown.text)")
    #expect(shown.text.contains("temporary") && shown.text.contains("datasets/.incoming-x"))
    #expect(shown.text.contains("runs/nobody  (stays; --orphans removes it)"))
    #expect(FileManager.default.fileExists(atPath: leftover))
    let service = try await ServiceProcess(data: released.data)
    let refused = try ServiceProcess.run(["gc", "--data", released.data])
    #expect(refused.status == 1 && refused.text.contains("end it first, or say --dry-run"))
    #expect(service.end(SIGTERM) == 0)
    try Data(count: 5000).write(to: URL(fileURLWithPath: leftover))
    try FileManager.default.createDirectory(atPath: orphan, withIntermediateDirectories: true)
    #expect(try ServiceProcess.run(["gc", "--data", released.data]).status == 0)
    #expect(!FileManager.default.fileExists(atPath: leftover))
    #expect(FileManager.default.fileExists(atPath: orphan))
    let all = try ServiceProcess.run(["gc", "--data", released.data, "--orphans", "--json"])
    #expect(all.status == 0 && all.text.contains("\"orphan_run\""))
    #expect(!FileManager.default.fileExists(atPath: orphan))
  }
}
