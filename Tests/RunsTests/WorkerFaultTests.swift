import Checkpoints
import Durability
import Evaluation
import Foundation
import Metrics
import Runs
import Testing
import Training

@Suite(.timeLimit(.minutes(1))) struct `Worker faults` {
  private func outcome(
    _ behaviour: FakeWorker.Behaviour, _ state: RunState, dataset: String = "pictures",
    adjust: (inout RunSettings) -> Void = { _ in }
  ) async throws -> (status: RunStatus, log: String) {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(behaviour, adjust: adjust)
    let id = try await coordinator.create(dataset: dataset)
    let status = try await coordinator.reaches(state, id)
    let log = try? DiskFileSystem().read(coordinator.directory(of: id) + "/worker.log")
    return (status, String(decoding: log ?? [], as: UTF8.self))
  }

  @Test func `a crashed worker is replaced from its checkpoint`() async throws {
    let (status, log) = try await outcome(.crashesTwice, .succeeded)
    #expect(status.restarts == 2 && status.resumedFrom == 2 && status.progress.step == 8)
    #expect(log.contains("from step 0") && log.contains("from step 2"))
  }

  @Test func `a run whose worker always crashes fails with the end of its log`() async throws {
    let (status, log) = try await outcome(.crashes, .failed)
    #expect(status.restarts == 5 && status.reason?.code == "crashed")
    #expect(status.reason?.detail.contains("exit code 3") == true)
    #expect(status.reason?.detail.contains("a bad day") == true)
    #expect(log.components(separatedBy: "a bad day").count - 1 == 6)
  }

  @Test func `a worker that is killed counts as crashed`() async throws {
    let (status, _) = try await outcome(.isKilled, .failed) { $0.restartLimit = 1 }
    #expect(status.restarts == 1 && status.reason?.detail.contains("signal 9") == true)
  }

  @Test func `garbage in the reports harms nothing`() async throws {
    let (status, log) = try await outcome(.babbles, .succeeded)
    #expect(status.restarts == 0 && status.progress.step == 8)
    #expect(log.contains("not a report: hello"))
  }

  @Test func `a trap is told in a sentence, and its registers are in the log`() async throws {
    let (status, log) = try await outcome(.traps, .failed) { $0.restartLimit = 1 }
    let detail = try #require(status.reason?.detail)
    #expect(status.reason?.code == "crashed" && status.restarts == 1)
    #expect(detail == "The worker was ended by signal 4. It said: Index out of range")
    #expect(log.contains("[ra] 0x0000000000001234"))
  }

  @Test func `a worker that cannot have its memory is not started again`() async throws {
    let (status, log) = try await outcome(.runsOut, .failed)
    #expect(status.reason?.code == "out_of_memory" && status.restarts == 0)
    let detail = try #require(status.reason?.detail)
    #expect(detail.contains("1400000000000 bytes") && !detail.contains("rax"))
    #expect(log.contains("rax 0x"))
  }

  @Test func `a worker's own metrics are kept, and what it did not declare is told`() async throws {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.measuresMore)
    let id = try await coordinator.create()
    _ = try await coordinator.reaches(.succeeded, id)
    let record = try await coordinator.record(id)
    #expect(record.metrics.last?.name == "pressure" && record.metrics.last?.unit == "bar")
    let samples = try await coordinator.metrics(id, since: 0, maximumCount: 100)
    #expect(samples.prefix(3).map { $0.values["pressure"] } == [2.5, 3.5, nil])
    #expect(samples.allSatisfy { $0.values["guess"] == nil })
    let told = try await coordinator.events(id, after: nil, order: .newestFirst, limit: 100)
      .filter { $0.kind == "metrics" }
    #expect(told.map(\.reason?.code) == ["metric_not_declared"])
    #expect(told.first?.reason?.detail.contains("guess") == true)
  }

  @Test func `a silent worker is killed and replaced`() async throws {
    let (status, _) = try await outcome(.hangs, .failed) {
      $0.silenceLimit = .milliseconds(100)
      $0.restartLimit = 1
    }
    #expect(status.restarts == 1 && status.reason?.code == "hung")
  }

  @Test func `a failure for good is not tried again`() async throws {
    let (status, _) = try await outcome(.fails, .failed)
    #expect(status.restarts == 0)
    #expect(status.reason?.code == "loss_not_finite")
    #expect(status.health?.verdict == .collapsed)
  }

  @Test func `leaving without a word is a crash`() async throws {
    let (status, _) = try await outcome(.leaves, .failed) { $0.restartLimit = 0 }
    #expect(status.reason?.detail.contains("without saying") == true)
  }

  @Test func `a program that cannot be started fails the run`() async throws {
    let (status, _) = try await outcome(.finishes, .failed) {
      $0.workerCommand = ["/no/such/program"]
    }
    #expect(status.reason?.code == "launch_failed" && status.restarts == 0)
  }

  @Test func `a dataset that is gone fails the run`() async throws {
    let (status, _) = try await outcome(.finishes, .failed, dataset: "missing")
    #expect(status.reason?.code == "dataset_missing")
  }

  @Test func `the log is begun anew when it is full`() async throws {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.shouts) { $0.logByteLimit = 50_000 }
    let id = try await coordinator.create()
    _ = try await coordinator.reaches(.succeeded, id)
    for name in ["worker.log", "worker.log.1"] {
      let size = try DiskFileSystem().read(coordinator.directory(of: id) + "/" + name).count
      #expect(size > 0 && size < 50_000 + 70_000)
    }
  }

  @Test func `a worker that holds more memory than it may is told apart from a bug`() async throws {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.swells) { $0.restartLimit = 1 }
    let submission = try RunHarness.submission(resources: RunResources(memoryBytes: 100 << 20))
    let id = try await coordinator.create(submission).record.run.id
    let status = try await coordinator.reaches(.failed, id)
    #expect(status.restarts == 1 && status.reason?.code == "out_of_memory")
    #expect(status.reason?.detail.contains("may hold 100 MiB") == true)
  }

  @Test func `a run's share of the machine reaches its worker`() async throws {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.tellsItsShare) {
      $0.threads = 4
      $0.niceness = nil
    }
    let shares = [RunResources(), RunResources(threads: 1, niceness: 15)]
    // Policy 5 is SCHED_IDLE, 0 the ordinary one.
    let words = [
      "--threads 4 niceness 0 policy 5 spins 20000", "--threads 1 niceness 15 policy 0 spins 20000",
    ]
    for (resources, words) in zip(shares, words) {
      let submission = try RunHarness.submission(resources: resources)
      let id = try await coordinator.create(submission).record.run.id
      _ = try await coordinator.reaches(.succeeded, id)
      #expect(try await coordinator.record(id).run.resources == resources)
      let log = try DiskFileSystem().read(coordinator.directory(of: id) + "/worker.log")
      #expect(String(decoding: log, as: UTF8.self).contains(words))
    }
  }

  @Test func `a launcher's worker is asked to stop by the end of its input`() async throws {
    let harness = try RunHarness()
    // A wrapper as a scheduler would be: another process, which passes input, output and the command's end on.
    let wrapper = harness.folder.path + "/launch"
    try "#!/bin/sh\necho launched as $1 >&2\nshift\n\"$@\"\n"
      .write(toFile: wrapper, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: wrapper)
    let coordinator = try harness.coordinator(.goesOn) { $0.launcher = [wrapper, "job"] }
    let id = try await coordinator.create()
    try await coordinator.sees("checkpoint", id)
    _ = try await coordinator.stop(id, now: false)
    #expect(try await coordinator.reaches(.stopped, id).reason?.code == "stop_requested")
    let log = try DiskFileSystem().read(coordinator.directory(of: id) + "/worker.log")
    #expect(String(decoding: log, as: UTF8.self).contains("launched as job"))
    _ = try await coordinator.start(id)
    try await coordinator.sees("worker_started", count: 2, id)
    _ = try await coordinator.stop(id, now: true)
    #expect(try await coordinator.reaches(.stopped, count: 2, id).reason?.code == "killed")
  }

  @Test func `nothing of a worker outlives it`() async throws {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.hangs)
    let id = try await coordinator.create()
    try await coordinator.sees("worker_started", id)
    let text = try String(
      contentsOfFile: coordinator.directory(of: id) + "/worker.lock", encoding: .utf8)
    let process = try #require(pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    #expect(kill(-process, 0) == 0)
    _ = try await coordinator.stop(id, now: true)
    _ = try await coordinator.reaches(.stopped, id)
    #expect(kill(process, 0) == -1)
    while kill(-process, 0) == 0 { await Task.yield() }
  }
}
