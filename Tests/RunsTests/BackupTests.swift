import Checkpoints
import Durability
import Foundation
import RunDatabase
import Runs
import Testing

private func makeBackup(of source: String, at target: String) throws {
  try DataFolderBackup.make(of: source, at: target, copyDatabase: SQLiteRunStore.copy(from:to:))
}

@Suite(.timeLimit(.minutes(5))) struct `Backups` {
  private func start(in path: String, count: Int) throws -> Process {
    let bundle = Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
    let process = Process()
    process.executableURL = bundle.deletingLastPathComponent().appending(path: "run-service")
    process.arguments = ["serve", path, "\(count)"]
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    return process
  }

  @Test func `a copy taken while runs go on is a data folder that goes on by itself`() async throws
  {
    let folder = try TemporaryFolder()
    let copy = folder.path + "/copy"
    let service = try start(in: folder.path, count: 1)
    try await waitForCheckpoint(in: folder.path)
    for name in ["datasets/d", "datasets/.incoming-e"] {
      try FileManager.default.createDirectory(
        atPath: "\(folder.path)/\(name)", withIntermediateDirectories: true)
    }
    try makeBackup(of: folder.path, at: copy)
    #expect(throws: DataFolderBackup.Failure.exists(path: copy)) {
      try makeBackup(of: folder.path, at: copy)
    }
    // What is finished is in the copy, what was on its way is not.
    #expect(try DiskFileSystem().names(in: copy + "/datasets") == ["d"])
    kill(service.processIdentifier, SIGKILL)
    service.waitUntilExit()

    let copied = try newest(in: copy)
    #expect(copied.step > 0)
    for path in [folder.path, copy] {
      let next = try start(in: path, count: 1)
      next.waitUntilExit()
      #expect(next.terminationStatus == 0)
    }
    let (original, restored) = (try newest(in: folder.path), try newest(in: copy))
    #expect(restored.step == 400 && restored.state == original.state)
  }

  @Test func `models are copied with their evaluations, without what is being written`() throws {
    let folder = try TemporaryFolder()
    let copy = folder.path + "/copy"
    do { _ = try SQLiteRunStore(path: folder.path + "/byol.sqlite") }
    for name in ["m/model.json", "m/evaluations/e.json", "m/evaluations/f.json.writing", ".in/x"] {
      let url = URL(filePath: "\(folder.path)/models/\(name)")
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data("{}".utf8).write(to: url)
    }
    try Data("[]".utf8).write(to: URL(filePath: folder.path + "/models/aliases.json"))
    try makeBackup(of: folder.path, at: copy)
    let disk = DiskFileSystem()
    #expect(try disk.names(in: copy + "/models") == ["aliases.json", "m"])
    #expect(try disk.names(in: copy + "/models/m") == ["evaluations", "model.json"])
    #expect(try disk.names(in: copy + "/models/m/evaluations") == ["e.json"])
  }

  private func runDirectory(in path: String) throws -> String? {
    try DiskFileSystem().names(in: path + "/runs").first.map { "\(path)/runs/\($0)" }
  }

  private func newest(in path: String) throws -> LoadedCheckpoint {
    let directory = try #require(try runDirectory(in: path)) + "/checkpoints"
    return try #require(try CheckpointFolder(directory: directory).newest())
  }

  private func waitForCheckpoint(in path: String) async throws {
    while true {
      if let directory = try runDirectory(in: path),
        try !CheckpointFolder(directory: directory + "/checkpoints").steps().isEmpty
      {
        return
      }
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}
