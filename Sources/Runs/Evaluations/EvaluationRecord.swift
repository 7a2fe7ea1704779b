public import Evaluation
public import Identifiers

/// What is to be evaluated.
public struct EvaluationSubmission: Sendable, Hashable {
  /// The run whose checkpoint it is.
  public var run: Identifier
  /// The checkpoint's step.
  public var step: Int
  /// The model file.
  public var modelFile: String
  /// The dataset's identifier.
  public var dataset: String
  /// What judges.
  public var protocols: [EvaluationProtocol]
  /// Whether a fixed part of the pictures is enough.
  public var isQuick: Bool

  /// What is to be evaluated.
  public init(
    run: Identifier, step: Int, modelFile: String, dataset: String,
    protocols: [EvaluationProtocol] = EvaluationProtocol.usual, isQuick: Bool = false
  ) {
    (self.run, self.step, self.modelFile) = (run, step, modelFile)
    (self.dataset, self.protocols, self.isQuick) = (dataset, protocols, isQuick)
  }
}

/// An evaluation: what was asked, how far it is, what it found. Stored in its run's folder.
public struct EvaluationRecord: Sendable, Hashable, Codable {
  /// Where an evaluation stands: `queued` → `running` → `succeeded` or `failed`, and `stopping` → `cancelled` where somebody
  /// asked.
  public enum State: String, Sendable, Hashable, Codable, CaseIterable {
    /// Waits for those before it.
    case queued
    /// Its process computes.
    case running
    /// Its process was asked to leave.
    case stopping
    /// The report is there.
    case succeeded
    /// There is no report; `reason` says why.
    case failed
    /// Somebody did not want it any more.
    case cancelled

    /// Whether nothing more will happen.
    public var isOver: Bool { [.succeeded, .failed, .cancelled].contains(self) }
  }

  /// Its name, ascending with time.
  public let id: Identifier
  /// The run whose checkpoint it judges.
  public let run: Identifier
  /// The checkpoint's step.
  public let step: Int
  /// The dataset's identifier.
  public let dataset: String
  /// What judges.
  public let protocols: [EvaluationProtocol]
  /// Whether a fixed part of the pictures is enough.
  public let isQuick: Bool
  /// When it was asked for.
  public let createdAt: Timestamp
  /// When its process started.
  public internal(set) var startedAt: Timestamp?
  /// When it was over.
  public internal(set) var endedAt: Timestamp?
  /// Where it stands.
  public internal(set) var state: State
  /// How far it is; not stored.
  public internal(set) var progress: EvaluationProgress?
  /// What it found.
  public internal(set) var report: EvaluationReport?
  /// Why it failed, in a sentence.
  public internal(set) var reason: String?

  init(_ id: Identifier, _ submission: EvaluationSubmission, createdAt: Timestamp) {
    (self.id, run, step) = (id, submission.run, submission.step)
    (dataset, protocols) = (submission.dataset, submission.protocols)
    (isQuick, self.createdAt, state) = (submission.isQuick, createdAt, .queued)
  }
}

/// Why the queue refused.
public enum EvaluationControlError: Error, Sendable, Hashable {
  /// There is no such evaluation.
  case notFound(Identifier)
  /// Too many are waiting.
  case queueFull(limit: Int)
  /// The service is about to end.
  case shuttingDown
}

/// What may be asked of evaluations; `EvaluationQueue` answers. Every change is durable before the call returns.
public protocol EvaluationControl: Sendable {
  /// Queues an evaluation.
  ///
  /// - Throws: `EvaluationControlError.queueFull` or `.shuttingDown`; `FileSystemError`, and then nothing is queued.
  func create(_ submission: EvaluationSubmission) async throws -> EvaluationRecord
  /// One evaluation.
  ///
  /// - Throws: `EvaluationControlError.notFound`.
  func record(_ id: Identifier) async throws -> EvaluationRecord
  /// Evaluations older than `after`, newest first, and whether there are more; of one run where it is given.
  func page(run: Identifier?, limit: Int, after: Identifier?) async
    -> (records: [EvaluationRecord], hasMore: Bool)
  /// Cancels an evaluation that is not over, and removes one that is.
  ///
  /// - Throws: `EvaluationControlError.notFound`; `FileSystemError`.
  /// - Returns: what was cancelled; nil where it was removed.
  func cancel(_ id: Identifier) async throws -> EvaluationRecord?
  /// Whether an evaluation that is not over reads a dataset.
  func isInUse(dataset: String) async -> Bool
  /// How many wait and are under way, and how many may wait.
  func load() async -> (waiting: Int, running: Int, capacity: Int)
}
