import Checkpoints
import Durability
import Foundation
import Identifiers
import Training

// The start and the end of the service.

extension RunCoordinator {
  /// Takes up what the last service left: interrupted runs go on, leftovers are removed, the queue moves.
  ///
  /// - Throws: whatever the store or the file system throws; call again to try again.
  public func begin() throws {
    try removeLeftovers()
    let found = try store.records(in: [.running, .stopping, .interrupted, .queued])
    var takenUp: [RunRecord] = []
    var waiting: [RunRecord] = []
    for record in found {
      let after = try takeUp(record)
      guard after.status.state == .queued else { continue }
      if record.status.state == .queued { waiting.append(after) } else { takenUp.append(after) }
    }
    // Tickets, not times: the clock may have been set back while runs came in.
    waiting.sort {
      ($0.status.queueNumber ?? 0, $0.run.id) < ($1.status.queueNumber ?? 0, $1.run.id)
    }
    queue = RunQueue(resumed: takenUp, waiting)
    if let newest = try store.page(state: nil, limit: 1, after: nil).records.first {
      identifiers.continueAfter(newest.run.id)
    }
    startNext()
  }

  /// More than the changes of a run that a service may not have written when it dies.
  private static let versionsPerService = 1_000_000

  /// Applies `serviceStarted` until nothing changes: running → interrupted → queued.
  private func takeUp(_ record: RunRecord) throws -> RunRecord {
    var (record, events): (RunRecord, [RunEvent]) = (record, [])
    // Versions that the last service gave out and could not write any more are never given again.
    if record.status.state.hasWorker { record.status.version += RunCoordinator.versionsPerService }
    while case .move(let state) = record.status.state.transition(on: .serviceStarted) {
      let reason: RunReason =
        switch state {
        case .interrupted:
          RunReason(code: "service_died", detail: "The service ended while the run went on.")
        case .stopped:
          RunReason(code: "stop_requested", detail: "The service ended while the run stopped.")
        default: RunReason(code: "taken_up", detail: "Goes on after the service ended.")
        }
      let (after, event) = record.moved(to: state, reason: reason, at: clock.timeOfDay())
      record = after
      events.append(event)
    }
    if !events.isEmpty { try save(record, events) }
    return record
  }

  /// Removes folders of runs that were never recorded or are half removed.
  private func removeLeftovers() throws {
    for name in try fileSystem.names(in: runsDirectory) {
      let path = "\(runsDirectory)/\(name)"
      if name.hasPrefix(".removing-") {
        guard let id = Identifier(String(name.dropFirst(".removing-".count))),
          try store.record(id) != nil
        else {
          try fileSystem.removeAll(path)
          continue
        }
        try fileSystem.rename(path, to: directory(of: id))
      } else if name.hasPrefix(RunCoordinator.measuringPrefix) {
        try fileSystem.removeAll(path)
      } else if let id = Identifier(name), try store.record(id) == nil,
        try checkpoints(of: id).steps().isEmpty
      {
        // A folder with checkpoints is kept even without a record: it holds somebody's work.
        try fileSystem.removeAll(path)
      }
    }
  }

  /// Ends in order: no run starts any more, running ones are asked for a checkpoint at once and become `interrupted`,
  /// to be taken up at the next start. A worker that is not gone within `limit` is killed. The folder is
  /// free for another service when this returns.
  public func end(within limit: Duration) async {
    isEnding = true
    measuring?.kill(for: .request)
    for turn in active.values {
      turn.cutPauseShort()
      askToStop(turn, within: limit)
    }
    for task in active.values.compactMap(\.task) { await task.value }
    for listener in listeners.values.flatMap(\.values) { listener.finish() }
    listeners = [:]
    serviceLock?.release()
    serviceLock = nil
  }
}
