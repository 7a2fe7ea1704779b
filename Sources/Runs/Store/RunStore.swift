public import Identifiers
public import Metrics
public import Training

/// One line of a run's log of events.
public struct RunEvent: Hashable, Sendable, Codable {
  /// Counts up over all runs of a store; never used twice.
  public var sequence: Int64
  /// The run.
  public var run: Identifier
  /// When it happened.
  public var at: Timestamp
  /// What happened: `created`, `state`, `worker_started`, `worker_exited`, `checkpoint`, `health`, `metrics`.
  public var kind: String
  /// The state after it.
  public var state: RunState
  /// Why, where there is more to say.
  public var reason: RunReason?
  /// Updates done, where that is what happened: at a checkpoint, or where a worker began.
  public var step: Int?

  /// An event; a store sets `sequence`.
  public init(
    run: Identifier, at: Timestamp, kind: String, state: RunState, reason: RunReason? = nil,
    step: Int? = nil, sequence: Int64 = 0
  ) {
    self.sequence = sequence
    self.run = run
    self.at = at
    self.kind = kind
    self.state = state
    self.reason = reason
    self.step = step
  }
}

/// The values of one update, as kept in a run's history.
public struct MetricSample: Hashable, Sendable {
  /// Updates done.
  public var step: Int
  /// When it was reported.
  public var at: Timestamp
  /// The values.
  public var values: MetricValues

  /// A sample.
  public init(step: Int, at: Timestamp, values: MetricValues) {
    self.step = step
    self.at = at
    self.values = values
  }
}

/// The order of a page of events.
public enum EventOrder: Hashable, Sendable {
  /// As they happened.
  case oldestFirst
  /// The newest first.
  case newestFirst
}

/// A page of runs, newest first.
public struct RunPage: Hashable, Sendable {
  /// The runs.
  public var records: [RunRecord]
  /// Whether there are older ones.
  public var hasMore: Bool

  /// A page.
  public init(records: [RunRecord], hasMore: Bool) {
    self.records = records
    self.hasMore = hasMore
  }
}

/// Where runs are kept. A call that returns has made its change durable; one that throws has made
/// none. Calls may come from any thread. A full disk is a `FileSystemError`.
public protocol RunStore: Sendable {
  /// Adds a run with its first event, and remembers the reply to an idempotency key, if given.
  ///
  /// - Throws: `RunStoreError.exists` if there is a run of that id; whatever the storage throws.
  func insert(_ record: RunRecord, event: RunEvent, idempotency: IdempotencyEntry?) throws
    -> RunEvent
  /// Replaces a run's record, adds events and samples, all in one transaction. A sample of a step that is there
  /// replaces it; values of metrics that the record does not declare are not kept.
  ///
  /// - Throws: `RunStoreError.notFound`; whatever the storage throws.
  /// - Returns: the events with their sequence numbers.
  func update(_ record: RunRecord, events: [RunEvent], samples: [MetricSample]) throws -> [RunEvent]
  /// One run, or nil.
  func record(_ id: Identifier) throws -> RunRecord?
  /// Runs, newest first, older than `after`, in `state` if given; at most `limit`.
  func page(state: RunState?, limit: Int, after: Identifier?) throws -> RunPage
  /// All runs in some states, oldest first.
  func records(in states: Set<RunState>) throws -> [RunRecord]
  /// How many runs are in each state.
  func counts() throws -> [RunState: Int]
  /// Removes a run with its history and events; nothing happens if there is none.
  func remove(_ id: Identifier) throws
  /// Removes a run's samples of steps greater than `step`.
  func removeMetrics(of id: Identifier, after step: Int) throws
  /// A run's samples of steps greater than `since`, by step; at most about `maximumCount`, chosen so
  /// that each metric's least and greatest values remain.
  func metrics(of id: Identifier, since step: Int, maximumCount: Int) throws -> [MetricSample]
  /// At most `limit` of a run's events: those with numbers greater than `sequence`, oldest first, or those with
  /// smaller ones, newest first; from the end of the log where `sequence` is nil.
  func events(of id: Identifier, after sequence: Int64?, order: EventOrder, limit: Int) throws
    -> [RunEvent]
  /// Adds to the seconds that the runs of an owner have trained on a day, counted from 1 January 1970 in UTC. Days that are
  /// more than a month older are forgotten.
  func addTraining(_ seconds: Double, of owner: String, on day: Int64) throws
  /// Seconds that the runs of an owner have trained on a day; runs that were removed count too.
  func trainingSeconds(of owner: String, on day: Int64) throws -> Double
  /// What was remembered for an idempotency key.
  func idempotencyEntry(_ key: String) throws -> IdempotencyEntry?
}

/// The first use of an idempotency key.
public struct IdempotencyEntry: Hashable, Sendable, Codable {
  /// The key as the client chose it.
  public var key: String
  /// A digest of the request's body.
  public var bodyDigest: String
  /// The run that the request made.
  public var run: Identifier
  /// When.
  public var at: Timestamp
  /// The run as the first reply told it.
  public var reply: RunRecord?

  /// The first use of a key.
  public init(
    key: String, bodyDigest: String, run: Identifier, at: Timestamp, reply: RunRecord? = nil
  ) {
    self.key = key
    self.bodyDigest = bodyDigest
    self.run = run
    self.at = at
    self.reply = reply
  }
}

/// Why a store refused.
public enum RunStoreError: Error, Hashable, Sendable, CustomStringConvertible {
  /// There is a run of that id.
  case exists(Identifier)
  /// There is no run of that id.
  case notFound(Identifier)
  /// The file was written by a newer version of this product.
  case newerFormat(found: String)
  /// The file does not hold together.
  case damaged(detail: String)

  /// The error as a sentence.
  public var description: String {
    switch self {
    case .exists(let id): "There is a run \(id) already."
    case .notFound(let id): "There is no run \(id)."
    case .newerFormat(let found):
      "The database was written by a newer version of byol (format \"\(found)\"): start that version, or a newer one."
    case .damaged(let detail): "The database is damaged: \(detail)."
    }
  }
}
