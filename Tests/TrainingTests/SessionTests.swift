import Checkpoints
import Durability
import Metrics
import Recipes
import Tensors
import Testing
import Training

/// A whole training session in this process, on the real trainer, with a clock and a disk that the tests decide on.
@Suite(.serialized) struct SessionTests {
  // MARK: Cadence

  @Test func `checkpoints come every so many updates, and one at the end`() throws {
    let run = try TinyRun()
    run.recipe.checkpointEverySteps = 3
    let reports = try run.train()
    #expect(reports.steps(.checkpoint) == [3, 6, 9, 10])
    #expect(try run.checkpoints.steps() == [9, 10])
    #expect(reports.first?.kind == .started && reports.first?.step == 0)
    #expect(reports.last == .finished(step: 10, outcome: .succeeded))
  }

  @Test func `checkpoints come every so many seconds, whatever updates take`() throws {
    let run = try TinyRun()
    run.recipe.checkpointEverySeconds = 4
    // Updates end after 3, 6, 9, … seconds; a checkpoint is due 4 seconds after the one before.
    let reports = try run.train(updateTime: .seconds(3))
    #expect(reports.steps(.checkpoint) == [2, 4, 6, 8, 10])
  }

  @Test func `a last checkpoint that is due anyway is written once`() throws {
    let run = try TinyRun(epochs: 1)
    run.recipe.checkpointEverySteps = 1
    #expect(try run.train().steps(.checkpoint) == [1, 2, 3, 4, 5])
  }

  @Test func `progress is told five times per second at most, and at the end`() throws {
    let run = try TinyRun()
    let reports = try run.train(updateTime: .milliseconds(150))
    #expect(reports.steps(.progress) == [1, 3, 5, 7, 9, 10])
    let slow = try TinyRun()
    #expect(try slow.train(updateTime: .seconds(1)).steps(.progress) == Array(1...10))
  }

  @Test func `health is judged with the first progress and then every five seconds`() throws {
    let run = try TinyRun()
    let reports = try run.train(updateTime: .seconds(2))
    let judged = reports.filter { $0.health != nil }.compactMap(\.step)
    #expect(judged == [1, 4, 7, 10])
    #expect(reports.filter { $0.health != nil }.allSatisfy { $0.health?.evidence.isEmpty == false })
  }

  @Test func `every value that is reported was declared`() throws {
    let reports = try TinyRun(epochs: 1).train(updateTime: .seconds(1))
    let declared = Set(try #require(reports.first?.declared).map(\.name))
    let metrics = try #require(reports.last { $0.kind == .progress }?.metrics)
    #expect(metrics.known.keys.allSatisfy { declared.contains($0) })
    #expect(metrics[RunFigures.imagesPerSecond] == 4)
    #expect(metrics["loss"].map { $0 > 0 && $0 < 8 } == true)
  }

  // MARK: Stopping

  @Test func `a run that is stopped before its first update leaves no model`() throws {
    let run = try TinyRun(epochs: 1)
    let reports = try run.train(stoppingAfter: 0)
    #expect(reports.map(\.kind) == [.started, .finished])
    #expect(reports.last == .finished(step: 0, outcome: .stopped))
    #expect(try run.checkpoints.steps().isEmpty)
    // The random weights are drawn again, as if nobody had stopped it.
    try run.train()
    let undisturbed = try TinyRun(epochs: 1)
    try undisturbed.train()
    #expect(try run.newest.state == undisturbed.newest.state)
  }

  @Test func `a run that is stopped while it waits for the lock does nothing`() throws {
    let run = try TinyRun(epochs: 1)
    var reports: [WorkerReport] = []
    try run.worker().run(pack: run.pack, isAskedToStop: { true }, report: { reports.append($0) })
    #expect(reports.map(\.kind) == [.heartbeat, .finished])
    #expect(try run.checkpoints.steps().isEmpty)
  }

  @Test(arguments: 1...4)
  func `a run that is stopped between updates leaves a checkpoint of the last one`(updates: Int)
    throws
  {
    let run = try TinyRun(epochs: 1)
    let reports = try run.train(stoppingAfter: updates)
    #expect(reports.steps(.checkpoint) == [updates])
    #expect(reports.steps(.progress).last == updates)
    #expect(reports.last == .finished(step: updates, outcome: .stopped))
    #expect(try run.newest.step == updates)
  }

  @Test func `a worker waits for the lock of another one, and gives signs of life`() throws {
    let run = try TinyRun(epochs: 1)
    let lock = try #require(try FileLock(path: run.path + "/training.lock"))
    var worker = run.worker()
    let pause = worker.clock.pause
    let time = run.time
    worker.clock.pause = { duration in
      pause(duration)
      if time.pauseCount == 3 { lock.release() }
    }
    var heartbeats = 0
    try run.train(worker) { report in
      if report.kind == .heartbeat, time.pauseCount < 3 { heartbeats += 1 }
    }
    #expect(run.time.pauseCount == 3 && heartbeats >= 3)
    #expect(try run.newest.step == TinyRun.stepsPerEpoch)
  }

  @Test func `a worker that holds more memory than it may ends with both numbers`() throws {
    let run = try TinyRun(epochs: 1)
    var worker = run.worker()
    worker.memoryByteLimit = 1 << 30
    worker.heldMemory = { 2 << 30 }
    #expect(throws: MemoryLimitExceeded(held: 2 << 30, limit: 1 << 30)) { try run.train(worker) }
    worker.heldMemory = { 1 << 30 }
    #expect(try run.train(worker).last?.outcome == .succeeded)
  }
}

extension TinyRun {
  /// The newest checkpoint; it was read back and verified.
  var newest: LoadedCheckpoint {
    get throws { try #require(try checkpoints.newest()) }
  }
}
