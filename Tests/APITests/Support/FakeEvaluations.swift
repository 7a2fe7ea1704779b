import Evaluation
import Runs
import Synchronization

/// Processes of evaluations that do what the test says.
final class FakeEvaluations: Sendable {
  private let started = Mutex<[FakeEvaluationProcess]>([])

  /// A queue of such processes over the runs and the models of a data folder.
  func queue(dataFolder: String) -> EvaluationQueue {
    EvaluationQueue(
      runDirectory: dataFolder + "/runs", modelDirectory: dataFolder + "/models"
    ) { [self] submission in
      let process = FakeEvaluationProcess(submission)
      started.withLock { $0.append(process) }
      return process
    }
  }

  /// All that were started, in order.
  var processes: [FakeEvaluationProcess] { started.withLock { $0 } }
}

/// A process that leaves when it is asked to.
final class FakeEvaluationProcess: EvaluationProcess {
  let submission: EvaluationSubmission
  let messages: AsyncStream<EvaluationMessage>
  private let continuation: AsyncStream<EvaluationMessage>.Continuation

  init(_ submission: EvaluationSubmission) {
    self.submission = submission
    (messages, continuation) = AsyncStream.makeStream()
  }

  func askToStop() { continuation.finish() }
  func lastWords() async -> String { "It crashed." }

  /// Writes a line.
  func say(_ message: EvaluationMessage) { continuation.yield(message) }

  /// Writes the last line and leaves.
  func leave(_ message: EvaluationMessage? = nil) {
    if let message { continuation.yield(message) }
    continuation.finish()
  }
}
