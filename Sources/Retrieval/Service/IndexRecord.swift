public import Identifiers

/// An index of the service: what was asked, how far it is, what came of it. Stored beside the index's folder.
public struct IndexRecord: Codable, Hashable, Sendable {
  /// Where an index stands: `queued` → `running` → `succeeded` or `failed`; `cancelled` where somebody asked.
  public enum State: String, Codable, Sendable, CaseIterable {
    /// Waits for those before it.
    case queued
    /// Pictures are embedded.
    case running
    /// It can be searched.
    case succeeded
    /// There is no index; `reason` says why.
    case failed
    /// Somebody did not want it any more.
    case cancelled

    /// Whether nothing more will happen.
    public var isOver: Bool { [.succeeded, .failed, .cancelled].contains(self) }
  }

  /// Its name, ascending with time.
  public let id: Identifier
  /// A name for people.
  public let name: String
  /// The dataset's identifier.
  public let dataset: String
  /// The model under the name by which it was asked for, with its step.
  public let model: String
  /// How vectors are stored; nil in records of earlier versions: float32.
  public let storage: VectorStorage?
  /// When it was asked for.
  public let createdAt: Timestamp
  /// When the first picture was embedded.
  public internal(set) var startedAt: Timestamp?
  /// When it was over.
  public internal(set) var endedAt: Timestamp?
  /// Where it stands.
  public internal(set) var state: State
  /// How far it is.
  public internal(set) var progress: IndexProgress?
  /// What the index is of, once it is whole.
  public internal(set) var manifest: IndexManifest?
  /// Why it failed, in a sentence.
  public internal(set) var reason: String?
}

/// What an index is to be made of.
public struct IndexSubmission: Sendable {
  /// The dataset's identifier.
  public var dataset: String
  /// The model's name for people.
  public var model: String
  /// The model's file.
  public var modelFile: String
  /// A name for people.
  public var name: String
  /// How vectors are stored.
  public var storage: VectorStorage

  /// An index of a dataset by a model.
  public init(
    dataset: String, model: String, modelFile: String, name: String,
    storage: VectorStorage = .float32
  ) {
    self.storage = storage
    self.dataset = dataset
    self.model = model
    self.modelFile = modelFile
    self.name = name
  }
}

/// Why the library of indexes refuses something.
public enum IndexLibraryError: Error, Hashable, Sendable {
  /// There is no index of that identifier.
  case notFound(String)
  /// The index is not whole: it waits, is under way, or came to nothing.
  case notReady(Identifier, IndexRecord.State)
  /// As many as may wait are waiting.
  case queueFull(limit: Int)
  /// The service is ending.
  case shuttingDown
}
