import Checkpoints
import Durability
import Foundation
import Identifiers
import Training

// What happens to a run that has its turn.

extension RunCoordinator {
  /// Gives waiting runs their turns while there is room.
  func startNext() {
    while !isEnding, active.count < settings.runsAtOnce, let id = queue.first {
      do {
        try giveTurn(id)
      } catch {
        // The store does not take it now (a full disk, say): the run stays where it is in the queue.
        return retryLater()
      }
    }
  }

  private func giveTurn(_ id: Identifier) throws {
    let before = try record(id)
    guard case .move(let state) = before.status.state.transition(on: .turn) else {
      queue.remove(id)
      return
    }
    var (after, event) = moved(before, to: state, reason: nil)
    (after.status.queuePosition, after.status.estimatedStart) = (nil, nil)
    try save(after, [event])
    queue.remove(id)
    active[id] = ActiveRun(record: after)
    active[id]?.task = Task { await self.supervise(id) }
  }

  private func retryLater() {
    Task {
      try? await self.pause(.seconds(5))
      self.startNext()
    }
  }

  /// Runs workers until the run leaves its turn.
  private func supervise(_ id: Identifier) async {
    while true {
      let ending = await runWorker(id)
      guard let (trigger, reason) = await conclude(id, ending) else { continue }
      return await leaveTurn(id, trigger, reason)
    }
  }

  /// What follows from a worker's end; nil where another worker is to be started.
  private func conclude(_ id: Identifier, _ ending: WorkerEnding) async -> (RunTrigger, RunReason?)?
  {
    let isStopping = active[id]?.record.status.state == .stopping
    switch ending {
    case .succeeded: return (.workerSucceeded, nil)
    case .gaveUp(let reason): return (.workerGaveUp, reason)
    case .stopped where isEnding && !isStopping: return (.serviceEnding, RunReason.serviceEnding)
    case .stopped where isStopping: return (.workerStopped, RunReason.stopRequested)
    case .stopped: return (.workerStopped, RunReason.stoppedFromOutside)
    case .crashed where isEnding && !isStopping: return (.serviceEnding, RunReason.serviceEnding)
    case .crashed(let reason) where isStopping: return (.workerCrashed, reason)
    case .crashed(let reason): return await restart(id, reason)
    }
  }

  /// Counts a crash and waits; nil where another worker is to be started.
  private func restart(_ id: Identifier, _ reason: RunReason) async -> (RunTrigger, RunReason?)? {
    guard var record = active[id]?.record else { return (.workerStopped, nil) }
    guard record.status.restarts < settings.restartLimit else { return (.workerGaveUp, reason) }
    record.status.restarts += 1
    record.status.version += 1
    let backoff = settings.backoff(restart: record.status.restarts)
    record.status.reason = RunReason(
      code: "restarting", detail: "Restart \(record.status.restarts) after: \(reason.detail)")
    active[id]?.record = record
    await saveSurely(record, [event("worker_exited", record, reason)])
    let waiting = Task { [pause] in _ = try? await pause(backoff) }
    active[id]?.backoff = waiting
    if isEnding || active[id]?.record.status.state == .stopping { waiting.cancel() }
    await waiting.value
    active[id]?.backoff = nil
    if active[id]?.record.status.state == .stopping { return (.workerStopped, .stopRequested) }
    return isEnding ? (.serviceEnding, .serviceEnding) : nil
  }

  private func leaveTurn(_ id: Identifier, _ trigger: RunTrigger, _ reason: RunReason?) async {
    // The progress that cannot be written now is written with the record below.
    try? flush(id)
    if let record = active[id]?.record,
      case .move(let state) = record.status.state.transition(on: trigger)
    {
      let (after, event) = moved(record, to: state, reason: reason)
      await saveSurely(after, (active[id]?.pendingEvents ?? []) + [event])
    }
    active[id] = nil
    startNext()
  }

  /// Writes what has happened already and cannot be refused: again and again until it is written, or
  /// the service ends (the next one will find the run as it was, and take it up).
  private func saveSurely(_ record: RunRecord, _ events: [RunEvent]) async {
    while true {
      do {
        return try save(record, events)
      } catch RunStoreError.notFound {
        return
      } catch {
        guard !isEnding else { return }
        try? await pause(.seconds(1))
      }
    }
  }
}

extension RunReason {
  static let stopRequested = RunReason(code: "stop_requested", detail: "Stopped by request.")
  static let stoppedFromOutside = RunReason(
    code: "worker_stopped", detail: "The worker was asked to stop, but not by this service.")
  static let serviceEnding = RunReason(
    code: "service_ended", detail: "The service ended in order; the run goes on with the next.")
}

// MARK: - One worker

extension RunCoordinator {
  /// Starts one worker, follows its reports, and says how it ended.
  private func runWorker(_ id: Identifier) async -> WorkerEnding {
    guard let run = active[id]?.record.run else { return .stopped }
    guard let pack = packDirectory(run.dataset) else {
      return .gaveUp(
        RunReason(code: "dataset_missing", detail: "The dataset \(run.dataset) is gone."))
    }
    do {
      let lock = try await workerLock(id)
      guard !isEnding, active[id]?.record.status.state == .running else { return .stopped }
      try writeRecipe(run)
      try checkpoints(of: id).removeLeftovers()
      let worker = try WorkerProcess(
        launch(run.resources, directory: directory(of: id), pack: pack, lock: lock),
        logPath: directory(of: id) + "/worker.log", limits: limits(run.resources))
      active[id]?.worker = worker
      active[id]?.lastWord = nil
    } catch let error as FileSystemError where error.operation == "start" {
      return .gaveUp(RunReason(code: "launch_failed", detail: "\(error)"))
    } catch {
      return .crashed(RunReason(code: "not_ready", detail: "\(error)"))
    }
    return await follow(id)
  }

  func launch(
    _ resources: RunResources, directory: String, pack: String, lock: FileLock,
    more: [String] = []
  ) -> WorkerLaunch {
    var arguments = settings.launcher + settings.workerCommand
    arguments += ["--run-directory", directory, "--pack", pack]
    if let threads = resources.threads ?? settings.threads {
      arguments += ["--threads", "\(threads)"]
    }
    let niceness = resources.niceness ?? settings.niceness
    if !settings.launcher.isEmpty {
      // What the launcher may use of this machine says nothing of the worker on another.
      if let niceness { arguments += ["--niceness", "\(niceness)"] }
      if let bytes = resources.memoryBytes { arguments += ["--memory-bytes", "\(bytes)"] }
    }
    let environment = ProcessInfo.processInfo.environment
      .merging(settings.environment) { own, _ in own }
    return WorkerLaunch(
      arguments: arguments + more, environment: environment,
      niceness: settings.launcher.isEmpty ? Int32(niceness ?? -1) : 0, lock: lock)
  }

  func limits(_ resources: RunResources) -> WorkerProcess.Limits {
    WorkerProcess.Limits(
      silence: settings.silenceLimit, logByteCount: settings.logByteLimit,
      memoryByteCount: settings.launcher.isEmpty ? resources.memoryBytes : nil)
  }

  /// The lock of a run's workers. Where a worker of a service that died still holds it, that worker is
  /// given time to write its checkpoint, and is killed after that.
  private func workerLock(_ id: Identifier) async throws -> FileLock {
    let path = directory(of: id) + "/worker.lock"
    try fileSystem.createDirectory(directory(of: id))
    let deadline = ContinuousClock.now + settings.orphanLimit
    while true {
      if let lock = try FileLock(path: path) { return lock }
      if ContinuousClock.now > deadline, let process = FileLock.notedProcess(path: path) {
        kill(-process, SIGKILL)
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  private func follow(_ id: Identifier) async -> WorkerEnding {
    guard let worker = active[id]?.worker else { return .stopped }
    var exit: WorkerExit?
    for await output in worker.outputs {
      worker.consumedOutput()
      switch output {
      case .report(let report): receive(report, id)
      case .exited(let ended): exit = ended
      }
    }
    active[id]?.worker = nil
    guard let exit else { preconditionFailure("A worker's outputs ended without its exit.") }
    return WorkerEnding(exit, lastWord: active[id]?.lastWord)
  }
}
