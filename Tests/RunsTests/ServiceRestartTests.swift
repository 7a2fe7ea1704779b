import Checkpoints
import Durability
import Foundation
import Identifiers
import RunDatabase
import Runs
import Testing
import Training

/// Ascending identifiers for this file's runs.
private let identifiers = IdentifierSource()

@Suite(.timeLimit(.minutes(1))) struct `Service restarts` {
  /// A record as a service that died may have left it.
  private func insert(_ state: RunState, into harness: RunHarness) throws -> Identifier {
    let time = Timestamp.now()
    let run = Run(
      id: identifiers.next(at: time), name: "", metadata: [:], dataset: "pictures",
      recipe: try RunHarness.recipe(), createdAt: time)
    var status = RunStatus(queuedAt: time, recipe: run.recipe)
    status.state = state
    let event = RunEvent(run: run.id, at: time, kind: "created", state: state)
    _ = try harness.store.insert(
      RunRecord(run: run, status: status), event: event, idempotency: nil)
    return run.id
  }

  @Test(
    arguments: [
      (.queued, .succeeded), (.running, .succeeded), (.interrupted, .succeeded),
      (.stopping, .stopped), (.stopped, .stopped), (.failed, .failed), (.succeeded, .succeeded),
    ] as [(RunState, RunState)])
  func `a service takes up what it finds in every state`(found: RunState, ends: RunState)
    async throws
  {
    let harness = try RunHarness()
    let id = try insert(found, into: harness)
    let coordinator = try harness.coordinator(.finishes)
    try await coordinator.begin()
    if found != ends { _ = try await coordinator.reaches(ends, id) }
    #expect(try await coordinator.record(id).status.state == ends)
    await coordinator.end(within: .seconds(1))
    #expect(try harness.store.record(id)?.status.state == ends)
  }

  @Test func `an orderly end interrupts a run and the next service goes on`() async throws {
    let harness = try RunHarness()
    var coordinator: RunCoordinator? = try harness.coordinator(.goesOn)
    let id = try #require(try await coordinator?.create())
    let second = try #require(try await coordinator?.create())
    try await coordinator?.sees("checkpoint", count: 2, id)
    await coordinator?.end(within: .seconds(10))
    let left = try #require(try harness.store.record(id)).status
    #expect(left.state == .interrupted && left.reason?.code == "service_ended")
    #expect(try harness.store.record(second)?.status.state == .queued)
    await #expect(throws: RunControlError.shuttingDown) { try await coordinator?.create() }
    coordinator = nil

    let next = try harness.coordinator(.finishes)
    try await next.begin()
    let status = try await next.reaches(.succeeded, id)
    #expect(status.resumedFrom == left.checkpointStep && status.progress.step == 8)
    _ = try await next.reaches(.succeeded, second)
    let states = try await next.events(id, after: 0, order: .oldestFirst, limit: 100)
      .filter { $0.kind == "state" }.map(\.state)
    #expect(states == [.running, .interrupted, .queued, .running, .succeeded])
  }

  @Test func `a checkpoint that nobody reported is known when a worker goes on from it`()
    async throws
  {
    let harness = try RunHarness()
    let id = try insert(.running, into: harness)
    let coordinator = try harness.coordinator(.hangs)
    let directory = coordinator.directory(of: id)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try "5".write(toFile: directory + "/fake-step", atomically: true, encoding: .utf8)
    try await coordinator.begin()
    try await coordinator.sees("worker_started", id)
    let status = try await coordinator.record(id).status
    #expect(status.checkpointStep == 5 && status.resumedFrom == 5)
    await coordinator.end(within: .milliseconds(100))
  }

  @Test func `taken-up runs go before those that only waited`() async throws {
    let harness = try RunHarness()
    let waiting = try insert(.queued, into: harness)
    let running = try insert(.running, into: harness)
    let coordinator = try harness.coordinator(.goesOn)
    try await coordinator.begin()
    #expect(try await coordinator.record(running).status.state == .running)
    #expect(try await coordinator.record(waiting).status.queuePosition == 0)
    await coordinator.end(within: .seconds(10))
  }

  @Test func `a second service on the same folder is refused`() async throws {
    let harness = try RunHarness()
    var first: RunCoordinator? = try harness.coordinator(.finishes)
    #expect(throws: RunControlError.folderInUse(path: harness.folder.path)) {
      try harness.coordinator(.finishes)
    }
    // Its store is not even opened: a newer version would change the tables under the service that uses them.
    func store() throws -> any RunStore {
      Issue.record("The store of a folder in use was opened.")
      return MemoryRunStore()
    }
    #expect(throws: RunControlError.folderInUse(path: harness.folder.path)) {
      try RunCoordinator(
        dataDirectory: harness.folder.path, store: try store(),
        settings: RunSettings(workerCommand: ["false"]), packDirectory: { _ in nil })
    }
    await first?.end(within: .seconds(1))
    first = nil
    _ = try harness.coordinator(.finishes)
  }

  @Test func `a worker that outlived its service is waited for, then killed`() async throws {
    let harness = try RunHarness()
    let id = try insert(.running, into: harness)
    let coordinator = try harness.coordinator(.finishes) { $0.orphanLimit = .milliseconds(200) }
    let directory = coordinator.directory(of: id)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let orphan = Process()
    orphan.executableURL = URL(fileURLWithPath: "/bin/sh")
    orphan.arguments = [
      "-c",
      """
      setsid flock \(directory)/worker.lock sh -c 'echo $PPID > \(directory)/worker.lock; \
      echo ready; exec sleep 1000'
      """,
    ]
    let output = Pipe()
    orphan.standardOutput = output
    try orphan.run()
    _ = output.fileHandleForReading.availableData
    let started = ContinuousClock.now
    try await coordinator.begin()
    _ = try await coordinator.reaches(.succeeded, id)
    #expect(ContinuousClock.now - started >= .milliseconds(200))
    orphan.waitUntilExit()
  }

  @Test func `leftovers are removed, somebody's checkpoints are not`() async throws {
    let harness = try RunHarness()
    let known = try insert(.stopped, into: harness)
    let runs = harness.folder.path + "/runs"
    let unrecorded = identifiers.next(at: .now())
    let orphaned = identifiers.next(at: .now())
    let removed = identifiers.next(at: .now())
    let folders = [
      "\(unrecorded)", "\(orphaned)/checkpoints/12", ".removing-\(removed)/checkpoints/3",
      ".removing-\(known)/checkpoints/7",
    ]
    for folder in folders {
      try FileManager.default.createDirectory(
        atPath: "\(runs)/\(folder)", withIntermediateDirectories: true)
    }
    let coordinator = try harness.coordinator(.finishes)
    try await coordinator.begin()
    let names = try DiskFileSystem().names(in: runs)
    #expect(names == ["\(known)", "\(orphaned)"].sorted())
    #expect(try coordinator.checkpoints(of: known).steps() == [7])
  }

  @Test func `a restored backup goes on where it was taken`() async throws {
    let folder = try TemporaryFolder()
    let store = try SQLiteRunStore(path: folder.path + "/byol.sqlite")
    let harness = try RunHarness(store: store)
    let coordinator = try harness.coordinator(.goesOn)
    let id = try await coordinator.create()
    try await coordinator.sees("checkpoint", count: 2, id)
    try store.backUp(to: folder.path + "/copy.sqlite")
    await coordinator.end(within: .seconds(10))

    let copy = try RunHarness(store: SQLiteRunStore(path: folder.path + "/copy.sqlite"))
    let runs = "\(copy.folder.path)/runs"
    try FileManager.default.createDirectory(atPath: runs, withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      atPath: coordinator.directory(of: id), toPath: "\(runs)/\(id)")
    let restored = try copy.coordinator(.finishes)
    try await restored.begin()
    let status = try await restored.reaches(.succeeded, id)
    #expect((status.resumedFrom ?? 0) >= 2)
  }
}
