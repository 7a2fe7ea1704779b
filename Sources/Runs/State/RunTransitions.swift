/// What may happen to a run.
public enum RunTrigger: String, Hashable, Sendable, CaseIterable {
  /// The queue gives it its turn.
  case turn
  /// Somebody asks it to stop.
  case stopRequest
  /// Somebody asks it to start again.
  case startRequest
  /// Somebody asks for its removal.
  case deleteRequest
  /// Its worker did all steps.
  case workerSucceeded
  /// Its worker left after a checkpoint because it was asked to.
  case workerStopped
  /// Its worker died, and may be replaced.
  case workerCrashed
  /// Its worker failed for good, or died too often.
  case workerGaveUp
  /// The service ends in order; its worker, if any, has left.
  case serviceEnding
  /// A service starts and finds it so.
  case serviceStarted
}

/// What follows from a trigger.
public enum RunTransition: Hashable, Sendable {
  /// It enters a state.
  case move(RunState)
  /// Nothing changes.
  case stay
  /// It is removed.
  case remove
  /// It must not happen; the sentence says why.
  case refuse(String)
}

extension RunState {
  /// The state machine of runs: what a trigger does in this state. Pure and total.
  public func transition(on trigger: RunTrigger) -> RunTransition {
    switch self {
    case .queued: queuedTransition(on: trigger)
    case .running: runningTransition(on: trigger)
    case .stopping: stoppingTransition(on: trigger)
    case .stopped, .failed, .succeeded: endedTransition(on: trigger)
    case .interrupted: interruptedTransition(on: trigger)
    }
  }

  private func queuedTransition(on trigger: RunTrigger) -> RunTransition {
    switch trigger {
    case .turn: .move(.running)
    case .stopRequest: .move(.stopped)
    case .startRequest, .serviceEnding, .serviceStarted: .stay
    case .deleteRequest: .refuse("A queued run must be stopped before it is deleted.")
    case .workerSucceeded, .workerStopped, .workerCrashed, .workerGaveUp: RunState.noWorker
    }
  }

  private func runningTransition(on trigger: RunTrigger) -> RunTransition {
    switch trigger {
    case .turn: .refuse("The run has its turn already.")
    case .stopRequest: .move(.stopping)
    case .startRequest, .workerCrashed: .stay
    case .deleteRequest: .refuse("A running run must be stopped before it is deleted.")
    case .workerSucceeded: .move(.succeeded)
    case .workerStopped: .move(.stopped)
    case .workerGaveUp: .move(.failed)
    case .serviceEnding, .serviceStarted: .move(.interrupted)
    }
  }

  private func stoppingTransition(on trigger: RunTrigger) -> RunTransition {
    switch trigger {
    case .turn: .refuse("The run is about to stop.")
    case .stopRequest: .stay
    case .startRequest: .refuse("The run is about to stop; start it when it has stopped.")
    case .deleteRequest: .refuse("The run is about to stop; delete it when it has stopped.")
    case .workerSucceeded: .move(.succeeded)
    case .workerStopped, .workerCrashed, .serviceEnding, .serviceStarted: .move(.stopped)
    case .workerGaveUp: .move(.failed)
    }
  }

  private func endedTransition(on trigger: RunTrigger) -> RunTransition {
    switch trigger {
    case .turn: .refuse("The run is not in the queue.")
    case .stopRequest where self == .stopped: .stay
    case .stopRequest: .refuse("The run has ended: it \(self == .failed ? "failed" : "succeeded").")
    case .startRequest where self == .succeeded: .refuse("The run has done all its steps.")
    case .startRequest: .move(.queued)
    case .deleteRequest: .remove
    case .workerSucceeded, .workerStopped, .workerCrashed, .workerGaveUp: RunState.noWorker
    case .serviceEnding, .serviceStarted: .stay
    }
  }

  private func interruptedTransition(on trigger: RunTrigger) -> RunTransition {
    switch trigger {
    case .turn: .refuse("The run is not in the queue.")
    case .stopRequest: .move(.stopped)
    case .startRequest, .serviceStarted: .move(.queued)
    case .deleteRequest: .remove
    case .workerSucceeded, .workerStopped, .workerCrashed, .workerGaveUp: RunState.noWorker
    case .serviceEnding: .stay
    }
  }

  private static let noWorker = RunTransition.refuse("The run has no worker.")
}
