public import Evaluation
public import Identifiers

/// Whose model is evaluated: the result is stored with it, and goes with it.
public enum EvaluatedModel: Sendable, Hashable {
  /// A run's checkpoint, by its step; 0 for the weights that the run began with.
  case checkpoint(run: Identifier, step: Int)
  /// A model of the library: one that was uploaded, or the copy of a checkpoint that an alias keeps.
  case stored(Identifier)
}

/// What is to be evaluated.
public struct EvaluationSubmission: Sendable, Hashable {
  /// Whose model it is.
  public var model: EvaluatedModel
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
    model: EvaluatedModel, modelFile: String, dataset: String,
    protocols: [EvaluationProtocol] = EvaluationProtocol.usual, isQuick: Bool = false
  ) {
    (self.model, self.modelFile) = (model, modelFile)
    (self.dataset, self.protocols, self.isQuick) = (dataset, protocols, isQuick)
  }
}

/// An evaluation: what was asked, how far it is, what it found. Stored in the folder of its run, or of its model.
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
  /// The run whose checkpoint it judges; nil for a model of the library.
  public let run: Identifier?
  /// The checkpoint's step; nil for a model of the library.
  public let step: Int?
  /// The model of the library that it judges; nil for a run's checkpoint.
  public let model: Identifier?
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
    self.id = id
    switch submission.model {
    case .checkpoint(let run, let step): (self.run, self.step, model) = (run, step, nil)
    case .stored(let model): (run, step, self.model) = (nil, nil, model)
    }
    (dataset, protocols) = (submission.dataset, submission.protocols)
    (isQuick, self.createdAt, state) = (submission.isQuick, createdAt, .queued)
  }

  /// The name under which the model can be asked for: `RUN@STEP`, or the id of a model of the library.
  public var modelName: String {
    if let run, let step { return "\(run)@\(step)" }
    return model?.description ?? ""
  }
}

/// Why the queue refused.
public enum EvaluationControlError: Error, Sendable, Hashable {
  /// The run or the model has been removed meanwhile.
  case modelRemoved
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
  /// - Throws: `EvaluationControlError.queueFull`, `.shuttingDown` or `.modelRemoved`; `FileSystemError`. Nothing is queued then.
  func create(_ submission: EvaluationSubmission) async throws -> EvaluationRecord
  /// One evaluation.
  ///
  /// - Throws: `EvaluationControlError.notFound`.
  func record(_ id: Identifier) async throws -> EvaluationRecord
  /// Evaluations older than `after`, newest first, and whether there are more; of one run, and of one model by its
  /// `modelName`, where they are given.
  func page(run: Identifier?, model: String?, limit: Int, after: Identifier?) async
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
