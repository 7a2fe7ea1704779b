public import Identifiers
public import Recipes
public import Training

/// What may be asked of runs; `RunCoordinator` answers. Every change is durable before the call returns.
public protocol RunControl: Sendable {
  /// Accepts a run and queues it.
  ///
  /// - Throws: `RunControlError.idempotencyConflict`, `.shuttingDown`, `.trainingTimeUsedUp`; whatever the store throws.
  /// - Returns: the run as it was queued; where the idempotency key named an earlier one, what was returned then,
  ///   and `isNew` is false.
  func create(_ submission: RunSubmission) async throws -> (record: RunRecord, isNew: Bool)
  /// What `create` returned for an earlier submission under the key; nil where there was none. For callers whose submission
  /// takes time to make.
  ///
  /// - Throws: `RunControlError.idempotencyConflict` where that one had another body.
  func earlierReply(key: String, bodyDigest: String) async throws -> RunRecord?
  /// One run.
  ///
  /// - Throws: `RunControlError.notFound`.
  func record(_ id: Identifier) async throws -> RunRecord
  /// Runs, newest first, older than `after`.
  func page(state: RunState?, limit: Int, after: Identifier?) async throws -> RunPage
  /// How many runs are in each state.
  func counts() async throws -> [RunState: Int]
  /// Asks a run to stop: with a checkpoint, or at once by killing its worker.
  ///
  /// - Throws: `RunControlError.notFound`, or `.conflict` where it has ended otherwise.
  /// - Returns: the record, and whether anything changed (202) or it had stopped before (200).
  func stop(_ id: Identifier, now: Bool) async throws -> (record: RunRecord, changed: Bool)
  /// Starts a run again from its newest checkpoint.
  ///
  /// - Throws: `RunControlError.notFound`, `.trainingTimeUsedUp`, or `.conflict` while it is stopping or after success.
  /// - Returns: the record, and whether anything changed (202) or it ran already (200).
  func start(_ id: Identifier) async throws -> (record: RunRecord, changed: Bool)
  /// Changes name and metadata; nil leaves one as it is.
  ///
  /// - Throws: `RunControlError.notFound`; `.versionMismatch` if `ifVersion` is given and another.
  func rename(_ id: Identifier, name: String?, metadata: [String: String]?, ifVersion: Int?)
    async throws
    -> RunRecord
  /// Removes a run with its files.
  ///
  /// - Throws: `RunControlError.notFound`, or `.conflict` while it is active.
  func delete(_ id: Identifier) async throws
  /// A run's history.
  ///
  /// - Throws: `RunControlError.notFound`.
  func metrics(_ id: Identifier, since step: Int, maximumCount: Int) async throws -> [MetricSample]
  /// At most `limit` of a run's events: those with numbers greater than `sequence`, oldest first, or those with
  /// smaller ones, newest first; from the end of the log where `sequence` is nil.
  ///
  /// - Throws: `RunControlError.notFound`.
  func events(_ id: Identifier, after sequence: Int64?, order: EventOrder, limit: Int) async throws
    -> [RunEvent]
  /// Says when a run has new events: signals that nobody has taken yet are one. Ends when the run is deleted or
  /// the service ends.
  ///
  /// - Throws: `RunControlError.notFound`.
  func eventSignals(_ id: Identifier) async throws -> AsyncStream<Void>
  /// Measures in a process of its own how fast a recipe trains on this machine, for a few seconds. A measurement
  /// that is under way ends without a result: whoever asks last is answered.
  ///
  /// - Throws: `RunControlError.shuttingDown`.
  func measure(_ recipe: Recipe, dataset: String, resources: RunResources) async throws
    -> RunMeasurement
  /// What the runs of an owner have trained today and may train; nil where they may train as long as they like.
  ///
  /// - Throws: whatever the store throws.
  func trainingAllowance(of owner: String) async throws -> TrainingAllowance?
  /// What the worker that started last is held to by its kernel; nil where none has started since the service did.
  var latestConfinement: ReportedConfinement? { get async }
  /// Whether a run that is not over learns from a dataset.
  func isInUse(dataset: String) async throws -> Bool
  /// Differs between any two starts of a service, for logs.
  nonisolated var serviceInstance: String { get }
  /// Goes up with every change of any run.
  nonisolated var revision: Int { get }
  /// The run's directory: `recipe.json`, `checkpoints/`, `worker.log`.
  nonisolated func directory(of id: Identifier) -> String
}

/// What a worker said at its start that the kernel holds it to.
public struct ReportedConfinement: Hashable, Sendable {
  /// What it measured.
  public var confinement: ProcessConfinement
  /// When.
  public var at: Timestamp

  /// What a worker measured at a moment.
  public init(confinement: ProcessConfinement, at: Timestamp) {
    self.confinement = confinement
    self.at = at
  }
}

/// A model whose encoder a run begins with.
public struct InitialModel: Hashable, Sendable {
  /// The name by which it was asked for.
  public var name: String
  /// Its file.
  public var path: String

  /// A model of a name in a file.
  public init(name: String, path: String) {
    self.name = name
    self.path = path
  }
}

/// What a caller hands in to create a run.
public struct RunSubmission: Hashable, Sendable {
  /// A name for people; may be empty.
  public var name: String
  /// The owner's notes.
  public var metadata: [String: String]
  /// The dataset's identifier.
  public var dataset: String
  /// The frozen recipe.
  public var recipe: Recipe
  /// What its worker may use.
  public var resources: RunResources
  /// The model whose encoder the run begins with: its name, and its file, which is copied. nil for random weights.
  public var initialModel: InitialModel?
  /// The name of the key that asks for it; nil where the service has no keys.
  public var owner: String?
  /// The `Idempotency-Key` and a digest of the request's body.
  public var idempotency: (key: String, bodyDigest: String)? {
    get { idempotencyKey.map { ($0, bodyDigest) } }
    set { (idempotencyKey, bodyDigest) = (newValue?.key, newValue?.bodyDigest ?? "") }
  }
  private var idempotencyKey: String?
  private var bodyDigest = ""

  /// What a caller hands in.
  public init(
    name: String = "", metadata: [String: String] = [:], dataset: String, recipe: Recipe,
    resources: RunResources = RunResources(), initialModel: InitialModel? = nil,
    owner: String? = nil,
    idempotency: (key: String, bodyDigest: String)? = nil
  ) {
    self.name = name
    self.metadata = metadata
    self.dataset = dataset
    self.recipe = recipe
    self.resources = resources
    self.initialModel = initialModel
    self.owner = owner
    self.idempotency = idempotency
  }
}

/// Why the coordinator refused.
public enum RunControlError: Error, Hashable, Sendable {
  /// There is no such run.
  case notFound(Identifier)
  /// The run's state does not allow it.
  case conflict(Identifier, state: RunState, detail: String)
  /// The run has changed since the version the caller knows.
  case versionMismatch(current: Int)
  /// The key was used with another body.
  case idempotencyConflict(key: String)
  /// Too many runs are waiting.
  case queueFull(limit: Int)
  /// The runs of the key have trained as long today as they may.
  case trainingTimeUsedUp(TrainingAllowance)
  /// The service is about to end.
  case shuttingDown
  /// The disk is full: nothing was changed.
  case diskFull
  /// The data folder cannot be written for another reason, such as being read-only: nothing was changed.
  case notWritable
  /// Another service uses the same data folder.
  case folderInUse(path: String)
}

extension RunControl {
  /// One and the same for every start: for implementations whose versions are never given twice.
  public nonisolated var serviceInstance: String { "0" }

  /// A run's events after a sequence number, then each new one as it happens, until the reader
  /// leaves, the run is deleted, or the service ends.
  ///
  /// - Throws: `RunControlError.notFound`.
  public func eventStream(_ id: Identifier, after sequence: Int64) async throws -> RunEventStream {
    RunEventStream(
      signals: try await eventSignals(id), last: sequence,
      page: {
        try await self.events(
          id, after: $0, order: .oldestFirst, limit: RunEventStream.pageLimit)
      })
  }
}

/// The events of a run as they happen. They are read from the store when the reader asks for the next, so that a
/// slow reader costs no memory. It has one reader.
public struct RunEventStream: AsyncSequence, Sendable {
  static let pageLimit = 100

  let signals: AsyncStream<Void>
  let last: Int64
  let page: @Sendable (Int64) async throws -> [RunEvent]

  /// Reads from the first event on.
  public func makeAsyncIterator() -> Iterator {
    Iterator(signals: signals.makeAsyncIterator(), last: last, page: page)
  }

  /// How far the reader is.
  public struct Iterator: AsyncIteratorProtocol {
    var signals: AsyncStream<Void>.Iterator
    var last: Int64
    var waiting: ArraySlice<RunEvent> = []
    let page: @Sendable (Int64) async throws -> [RunEvent]

    /// The next event; nil where there will be none any more.
    public mutating func next(isolation actor: isolated (any Actor)? = #isolation) async
      -> RunEvent?
    {
      while waiting.isEmpty {
        // A page that cannot be read is that of a run that is gone.
        guard let events = try? await page(last) else { return nil }
        waiting = events[...]
        if waiting.isEmpty, await signals.next(isolation: actor) == nil { return nil }
      }
      let event = waiting.removeFirst()
      last = event.sequence
      return event
    }
  }
}
