import Runs
import Testing

@Suite struct `Run transitions` {
  /// Every pair that changes something; the rest is in `quiet`, removes, or is refused.
  private static let moves: [RunState: [RunTrigger: RunState]] = [
    .queued: [.turn: .running, .stopRequest: .stopped],
    .running: [
      .stopRequest: .stopping, .workerSucceeded: .succeeded, .workerStopped: .stopped,
      .workerGaveUp: .failed, .serviceEnding: .interrupted, .serviceStarted: .interrupted,
    ],
    .stopping: [
      .workerSucceeded: .succeeded, .workerStopped: .stopped, .workerCrashed: .stopped,
      .workerGaveUp: .failed, .serviceEnding: .stopped, .serviceStarted: .stopped,
    ],
    .stopped: [.startRequest: .queued],
    .failed: [.startRequest: .queued],
    .succeeded: [:],
    .interrupted: [.stopRequest: .stopped, .startRequest: .queued, .serviceStarted: .queued],
  ]

  private static let quiet: [RunState: Set<RunTrigger>] = [
    .queued: [.startRequest, .serviceEnding, .serviceStarted],
    .running: [.startRequest, .workerCrashed],
    .stopping: [.stopRequest],
    .stopped: [.stopRequest, .serviceEnding, .serviceStarted],
    .failed: [.serviceEnding, .serviceStarted],
    .succeeded: [.serviceEnding, .serviceStarted],
    .interrupted: [.serviceEnding],
  ]

  private static let removable: Set<RunState> = [.stopped, .failed, .succeeded, .interrupted]

  @Test(arguments: RunState.allCases, RunTrigger.allCases)
  func `every trigger does in every state what the table says`(
    state: RunState, trigger: RunTrigger
  ) throws {
    let transition = state.transition(on: trigger)
    if let next = Self.moves[state]?[trigger] {
      #expect(transition == .move(next))
    } else if Self.quiet[state]?.contains(trigger) == true {
      #expect(transition == .stay)
    } else if trigger == .deleteRequest && Self.removable.contains(state) {
      #expect(transition == .remove)
    } else if case .refuse(let sentence) = transition {
      #expect(sentence.hasSuffix("."))
    } else {
      Issue.record("\(state) on \(trigger) is \(transition), not refused")
    }
  }

  @Test func `every state can be reached and none but success is final`() {
    #expect(Set(Self.moves.values.flatMap(\.values)) == Set(RunState.allCases))
    let final = RunState.allCases.filter { state in
      RunTrigger.allCases.allSatisfy {
        if case .move = state.transition(on: $0) { false } else { true }
      }
    }
    #expect(final == [.succeeded])
  }
}
