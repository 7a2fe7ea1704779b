import Identifiers
import Training

// How long the runs of a key may train per day. Time is that of workers: from the start of one to its end, by the monotonic clock;
// the day is that of the clock on the wall. A run in the queue, a pause before a new worker, a measurement and an evaluation cost
// nothing.

extension RunCoordinator {
  /// What the runs of an owner have used today and may use; nil where they may train as long as they like.
  ///
  /// - Throws: whatever the store throws.
  public func trainingAllowance(of owner: String) throws -> TrainingAllowance? {
    guard let allowed = settings.trainingSecondsPerDay(owner) else { return nil }
    let day = TrainingLedger.day(of: clock.timeOfDay())
    try openLedger(owner, day)
    return TrainingAllowance(
      owner: owner, usedSeconds: ledger.seconds(of: owner, on: day) ?? 0, allowedSeconds: allowed,
      renewsAt: TrainingLedger.end(of: day))
  }

  /// - Throws: `RunControlError.trainingTimeUsedUp`; whatever the store throws.
  func requireTrainingTime(of owner: String?) throws {
    guard let owner, let allowance = try trainingAllowance(of: owner), allowance.isUsedUp else {
      return
    }
    throw RunControlError.trainingTimeUsedUp(allowance)
  }

  /// Counts what a turn's worker has worked since it was last counted, and asks it to stop where that was the last of the day.
  func countTraining(of turn: RunTurn, isLast: Bool = false) {
    guard let owner = turn.record.run.owner else { return }
    let instant = clock.instant()
    let day = TrainingLedger.day(of: clock.timeOfDay())
    do {
      try openLedger(owner, day)
      // Only now: where the store cannot be read, the time is counted with the next report.
      let seconds = turn.takeWorkedSeconds(until: instant)
      let due = ledger.add(seconds, to: owner, isLast: isLast)
      if due > 0 {
        try store.addTraining(due, of: owner, on: day)
        ledger.saved(owner)
      }
    } catch {
      // What is not written stays in memory, and counts.
    }
    if !isLast { stopWhereUsedUp(turn, owner) }
  }

  /// Makes sure that the ledger has an owner's day, and writes what is left of an earlier one.
  private func openLedger(_ owner: String, _ day: Int64) throws {
    if ledger.seconds(of: owner, on: day) != nil { return }
    if let rest = ledger.unsaved(of: owner, before: day) {
      try store.addTraining(rest.seconds, of: owner, on: rest.day)
      ledger.saved(owner)
    }
    ledger.open(owner, on: day, seconds: try store.trainingSeconds(of: owner, on: day))
  }

  private func stopWhereUsedUp(_ turn: RunTurn, _ owner: String) {
    guard turn.record.status.state == .running,
      let allowance = try? trainingAllowance(of: owner), allowance.isUsedUp
    else { return }
    let reason = RunReason.trainingTimeUsedUp(allowance)
    let (after, event) = turn.record.moved(to: .stopping, reason: reason, at: clock.timeOfDay())
    // Where the store does not take it, the next report tries again.
    guard (try? save(after, [event])) != nil else { return }
    turn.stopReason = reason
    askToStop(turn, within: settings.stopLimit)
  }

  /// Takes a run whose owner has no time left today out of the queue; false where it may have its turn.
  func stopsInQueue(_ record: RunRecord) throws -> Bool {
    guard let owner = record.run.owner, let allowance = try trainingAllowance(of: owner),
      allowance.isUsedUp, case .move(let state) = record.status.state.transition(on: .stopRequest)
    else { return false }
    let (after, event) = record.moved(
      to: state, reason: .trainingTimeUsedUp(allowance), at: clock.timeOfDay())
    try save(after, [event])
    queue.remove(record.run.id)
    return true
  }
}

extension RunReason {
  fileprivate static func trainingTimeUsedUp(_ allowance: TrainingAllowance) -> RunReason {
    RunReason(code: "training_time_used_up", detail: allowance.sentence)
  }
}
