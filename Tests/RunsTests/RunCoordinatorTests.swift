import Checkpoints
import Durability
import Foundation
import Metrics
import Recipes
import Runs
import Testing
import Training

@Suite(.timeLimit(.minutes(1))) struct `Run coordinator` {
  @Test func `a run goes from the queue to success`() async throws {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.finishes)
    let created = try await coordinator.create(RunHarness.submission()).record
    #expect(created.status.state == .queued && created.status.queuePosition == 0)
    let id = created.run.id
    let status = try await coordinator.reaches(.succeeded, id)
    #expect(status.progress.step == 8 && status.progress.steps == 8)
    #expect(status.progress.epoch == 1 && status.progress.epochs == 1)
    #expect(status.metrics?["loss"] == 8.5 && status.checkpointStep == 8)
    #expect(status.restarts == 0 && status.resumedFrom == nil)
    let samples = try await coordinator.metrics(id, since: 0, maximumCount: 100)
    #expect(samples.map(\.step) == Array(1...8))
    #expect(samples.map { $0.values["loss"] } == (1...8).map { Double($0) + 0.5 })
    #expect(try await coordinator.metrics(id, since: 6, maximumCount: 100).map(\.step) == [7, 8])
    let recipe = try Recipe(
      decoding: DiskFileSystem().read(coordinator.directory(of: id) + "/recipe.json"))
    #expect(recipe == created.run.recipe)
    let kinds = try await coordinator.events(id, after: 0, order: .oldestFirst, limit: 100).map(
      \.kind)
    #expect(kinds == ["created", "state", "worker_started", "checkpoint", "state"])
  }

  @Test func `a stopped run has its checkpoint and goes on from it`() async throws {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.goesOn)
    let id = try await coordinator.create()
    try await coordinator.sees("checkpoint", count: 2, id)
    let stop = try await coordinator.stop(id, now: false)
    #expect(stop.changed && stop.record.status.state == .stopping)
    #expect(try await coordinator.stop(id, now: false).record.status.state != .running)
    let stopped = try await coordinator.reaches(.stopped, id)
    #expect(stopped.reason?.code == "stop_requested")
    let step = try #require(stopped.checkpointStep)
    #expect(step == stopped.progress.step && step >= 2)
    #expect(try await coordinator.stop(id, now: false).changed == false)

    let start = try await coordinator.start(id)
    #expect(start.changed && start.record.status.state == .running)
    #expect(try await coordinator.start(id).changed == false)
    try await coordinator.sees("worker_started", count: 2, id)
    #expect(try await coordinator.record(id).status.resumedFrom == step)
    await coordinator.end(within: .seconds(5))
  }

  @Test func `one run at a time, the others in order`() async throws {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.goesOn)
    let ids = [
      try await coordinator.create(), try await coordinator.create(),
      try await coordinator.create(),
    ]
    var positions: [Int?] = []
    for id in ids { positions.append(try await coordinator.record(id).status.queuePosition) }
    #expect(positions == [nil, 0, 1])
    let version = try await coordinator.record(ids[2]).status.version
    _ = try await coordinator.stop(ids[1], now: false)
    #expect(try await coordinator.record(ids[1]).status.state == .stopped)
    let moved = try await coordinator.record(ids[2]).status
    #expect(moved.queuePosition == 0 && moved.version > version)
    try await coordinator.sees("worker_started", ids[0])
    _ = try await coordinator.stop(ids[0], now: false)
    _ = try await coordinator.reaches(.running, ids[2])
    #expect(try await coordinator.record(ids[0]).status.state == .stopped)
    #expect(try await coordinator.counts() == [.stopped: 2, .running: 1])
    await coordinator.end(within: .seconds(5))
  }

  @Test func `stopping now kills the worker and the run can go on`() async throws {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.isDeaf)
    let id = try await coordinator.create()
    try await coordinator.sees("worker_started", id)
    _ = try await coordinator.stop(id, now: false)
    await #expect(throws: RunControlError.self) { try await coordinator.start(id) }
    _ = try await coordinator.stop(id, now: true)
    let status = try await coordinator.reaches(.stopped, id)
    #expect(status.reason?.code == "killed")
    _ = try await coordinator.start(id)
    await coordinator.end(within: .milliseconds(100))
    #expect(try await coordinator.record(id).status.state == .interrupted)
  }

  @Test func `a worker that does not stop in time is killed`() async throws {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.isDeaf) { $0.stopLimit = .milliseconds(100) }
    let id = try await coordinator.create()
    try await coordinator.sees("worker_started", id)
    _ = try await coordinator.stop(id, now: false)
    #expect(try await coordinator.reaches(.stopped, id).reason?.code == "stop_too_slow")
  }

  @Test func `a stop in the middle of a checkpoint waits for it`() async throws {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.stopsSlowly)
    let id = try await coordinator.create()
    try await coordinator.sees("worker_started", id)
    _ = try await coordinator.stop(id, now: false)
    _ = try await coordinator.stop(id, now: false)
    let status = try await coordinator.reaches(.stopped, id)
    #expect(status.reason?.code == "stop_requested" && status.checkpointStep != nil)
  }

  @Test func `a run that succeeded neither stops nor starts`() async throws {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.finishes)
    let id = try await coordinator.create()
    _ = try await coordinator.reaches(.succeeded, id)
    await #expect(throws: RunControlError.self) { try await coordinator.stop(id, now: false) }
    await #expect(throws: RunControlError.self) { try await coordinator.start(id) }
  }

  @Test func `deleting takes the files and is refused while active`() async throws {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.goesOn)
    let id = try await coordinator.create()
    try await coordinator.sees("worker_started", id)
    await #expect(throws: RunControlError.self) { try await coordinator.delete(id) }
    _ = try await coordinator.stop(id, now: false)
    _ = try await coordinator.reaches(.stopped, id)
    #expect(DiskFileSystem().isDirectory(coordinator.directory(of: id)))
    try await coordinator.delete(id)
    #expect(try DiskFileSystem().names(in: harness.folder.path + "/runs") == [])
    await #expect(throws: RunControlError.notFound(id)) { try await coordinator.record(id) }
    await #expect(throws: RunControlError.notFound(id)) { try await coordinator.delete(id) }
  }

  @Test func `the same key and body give the same run, another body is refused`() async throws {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.finishes)
    var submission = try RunHarness.submission()
    submission.idempotency = ("key", "digest")
    let first = try await coordinator.create(submission)
    let second = try await coordinator.create(submission)
    #expect(first.isNew && !second.isNew && first.record.run.id == second.record.run.id)
    submission.idempotency = ("key", "other")
    #expect(first.record == second.record)
    let other = submission
    await #expect(throws: RunControlError.idempotencyConflict(key: "key")) {
      try await coordinator.create(other)
    }
  }

  @Test func `name and metadata change under the version that is known`() async throws {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.finishes)
    let id = try await coordinator.create()
    let version = try await coordinator.reaches(.succeeded, id).version
    let renamed = try await coordinator.rename(
      id, name: "new", metadata: ["a": "b"], ifVersion: version)
    #expect(renamed.run.name == "new" && renamed.run.metadata == ["a": "b"])
    #expect(renamed.status.version > version)
    await #expect(throws: RunControlError.versionMismatch(current: renamed.status.version)) {
      try await coordinator.rename(id, name: "x", metadata: nil, ifVersion: version)
    }
  }

  @Test func `a full queue refuses`() async throws {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.goesOn) { $0.queueLimit = 1 }
    _ = try await coordinator.create()
    _ = try await coordinator.create()
    await #expect(throws: RunControlError.queueFull(limit: 1)) { try await coordinator.create() }
    await coordinator.end(within: .seconds(5))
  }

  @Test func `a dataset is in use until its runs are over`() async throws {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.finishes)
    let id = try await coordinator.create(dataset: "pictures")
    #expect(try await coordinator.isInUse(dataset: "pictures"))
    #expect(try await coordinator.isInUse(dataset: "others") == false)
    _ = try await coordinator.reaches(.succeeded, id)
    #expect(try await coordinator.isInUse(dataset: "pictures") == false)
  }
}
