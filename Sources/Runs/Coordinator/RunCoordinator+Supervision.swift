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
    if try stopsInQueue(before) { return }
    var (after, event) = before.moved(to: state, reason: nil, at: clock.timeOfDay())
    (after.status.queuePosition, after.status.estimatedStart) = (nil, nil)
    try save(after, [event])
    queue.giveTurn(id)
    let turn = RunTurn(after, at: clock.instant())
    active[id] = turn
    turn.task = Task { await self.supervise(id) }
  }

  private func retryLater() {
    Task {
      try? await self.clock.pause(.seconds(5))
      self.startNext()
    }
  }

  /// Runs workers until the run leaves its turn.
  private func supervise(_ id: Identifier) async {
    guard let turn = active[id] else { return }
    while true {
      let ending = await runWorker(turn)
      guard let (trigger, reason) = await conclude(turn, ending) else { continue }
      return await leave(turn, trigger, reason)
    }
  }

  /// What follows from a worker's end; nil where another worker is to be started.
  private func conclude(_ turn: RunTurn, _ ending: WorkerEnding) async -> (
    RunTrigger, RunReason?
  )? {
    switch ending {
    case .succeeded: return (.workerSucceeded, nil)
    case .gaveUp(let reason): return (.workerGaveUp, reason)
    case .stopped where isEnding && !turn.isStopping: return (.serviceEnding, .serviceEnding)
    case .stopped where turn.isStopping: return (.workerStopped, turn.stopReason)
    case .stopped: return (.workerStopped, .stoppedFromOutside)
    case .crashed where isEnding && !turn.isStopping: return (.serviceEnding, .serviceEnding)
    case .crashed(let reason) where turn.isStopping: return (.workerCrashed, reason)
    case .crashed(let reason): return await restart(turn, reason)
    }
  }

  /// Counts a crash and waits; nil where another worker is to be started.
  private func restart(_ turn: RunTurn, _ reason: RunReason) async -> (RunTrigger, RunReason?)? {
    guard turn.record.status.restarts < settings.restartLimit else {
      return (.workerGaveUp, reason)
    }
    turn.countCrash(reason, at: clock.timeOfDay())
    await flushSurely(turn)
    let length = settings.backoff(restart: turn.record.status.restarts)
    let pause = Task { [clock] in _ = try? await clock.pause(length) }
    await turn.wait(for: pause, isCutShort: isEnding || turn.isStopping)
    if turn.isStopping { return (.workerStopped, turn.stopReason) }
    return isEnding ? (.serviceEnding, .serviceEnding) : nil
  }

  private func leave(_ turn: RunTurn, _ trigger: RunTrigger, _ reason: RunReason?) async {
    if case .move(let state) = turn.record.status.state.transition(on: trigger) {
      turn.move(to: state, reason, at: clock.timeOfDay())
    }
    await flushSurely(turn)
    active[turn.id] = nil
    startNext()
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
  private func runWorker(_ turn: RunTurn) async -> WorkerEnding {
    let (id, run) = (turn.id, turn.record.run)
    guard let pack = packDirectory(run.dataset) else {
      return .gaveUp(
        RunReason(code: "dataset_missing", detail: "The dataset \(run.dataset) is gone."))
    }
    do {
      let lock = try await workerLock(id)
      guard !isEnding, turn.record.status.state == .running else { return .stopped }
      try writeRecipeIfMissing(run)
      let worker = try WorkerProcess(
        launch(run.resources, directory: directory(of: id), pack: pack, lock: lock),
        logPath: directory(of: id) + "/worker.log", limits: limits(run.resources),
        instant: clock.instant)
      turn.begin(worker, at: clock.instant())
      return await follow(worker, turn)
    } catch let error as FileSystemError where error.operation == "start" {
      return .gaveUp(RunReason(code: "launch_failed", detail: "\(error)"))
    } catch {
      return .crashed(RunReason(code: "not_ready", detail: "\(error)"))
    }
  }

  /// How a worker is started: its share of the machine by the settings, or by what the run asks for.
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
    let deadline = clock.instant() + settings.orphanLimit
    while true {
      if let lock = try FileLock(path: path) { return lock }
      if clock.instant() > deadline, let process = FileLock.notedProcess(path: path) {
        kill(-process, SIGKILL)
      }
      try await clock.pause(.milliseconds(50))
    }
  }

  private func follow(_ worker: WorkerProcess, _ turn: RunTurn) async -> WorkerEnding {
    var exit: WorkerExit?
    for await output in worker.outputs {
      worker.consumedOutput()
      switch output {
      case .report(let report): receive(report, turn)
      case .exited(let ended): exit = ended
      }
    }
    countTraining(of: turn, isLast: true)
    turn.endWorker()
    guard let exit else { preconditionFailure("A worker's outputs ended without its exit.") }
    return WorkerEnding(exit, lastWord: turn.lastWord)
  }
}
