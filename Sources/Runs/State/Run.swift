public import Identifiers
import JSONTree
public import Metrics
public import Recipes
public import Training

/// One training from request to end. Only `name` and `metadata` may change.
public struct Run: Hashable, Sendable, Codable, Identifiable {
  /// The identifier.
  public let id: Identifier
  /// A name for people; may be empty.
  public var name: String
  /// The owner's own notes.
  public var metadata: [String: String]
  /// The dataset's identifier.
  public let dataset: String
  /// The frozen recipe.
  public let recipe: Recipe
  /// What its worker may use.
  public let resources: RunResources
  /// The model whose encoder it begins with; nil where it begins at random.
  public let initialModel: String?
  /// The name of the key that made it; nil where the service had no keys.
  public let owner: String?
  /// When it was accepted.
  public let createdAt: Timestamp

  /// A run.
  public init(
    id: Identifier, name: String, metadata: [String: String], dataset: String, recipe: Recipe,
    resources: RunResources = RunResources(), initialModel: String? = nil, owner: String? = nil,
    createdAt: Timestamp
  ) {
    self.id = id
    self.name = name
    self.metadata = metadata
    self.dataset = dataset
    self.recipe = recipe
    self.resources = resources
    self.initialModel = initialModel
    self.owner = owner
    self.createdAt = createdAt
  }

  /// Decodes the value; runs of before there were limits have none.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    id = try container.decode(Identifier.self, forKey: .id)
    name = try container.decode(String.self, forKey: .name)
    metadata = try container.decode([String: String].self, forKey: .metadata)
    dataset = try container.decode(String.self, forKey: .dataset)
    recipe = try container.decode(Recipe.self, forKey: .recipe)
    let resources = try container.decodeIfPresent(RunResources.self, forKey: .resources)
    self.resources = resources ?? RunResources()
    initialModel = try container.decodeIfPresent(String.self, forKey: .initialModel)
    owner = try container.decodeIfPresent(String.self, forKey: .owner)
    createdAt = try container.decode(Timestamp.self, forKey: .createdAt)
  }
}

/// What a run is doing.
public enum RunState: String, Hashable, Sendable, Codable, CaseIterable {
  /// Waits for its turn.
  case queued
  /// Has a worker, or waits for a new one after a crash.
  case running
  /// Was asked to stop; its worker writes a checkpoint.
  case stopping
  /// Stopped by request; can be started again.
  case stopped
  /// Did all its steps.
  case succeeded
  /// Cannot go on by itself; can be started again.
  case failed
  /// The service ended while it ran; taken up again at the next start.
  case interrupted

  /// Whether a worker may exist.
  public var hasWorker: Bool { self == .running || self == .stopping }
}

/// How far a run is.
public struct RunProgress: Hashable, Sendable, Codable {
  /// Updates done.
  public var step: Int
  /// Updates in the whole run.
  public var steps: Int
  /// The epoch of the next update, 0-based; equals `epochs` at the end.
  public var epoch: Int
  /// Epochs in the whole run.
  public var epochs: Int
  /// Training pictures per second, lately.
  public var imagesPerSecond: Double?
  /// Share of the time, lately, that updates waited for views, 0…1.
  public var viewWaitShare: Double?
  /// Seconds until the last update, estimated.
  public var etaSeconds: Double?

  /// A progress.
  public init(
    step: Int, steps: Int, epoch: Int, epochs: Int, imagesPerSecond: Double? = nil,
    viewWaitShare: Double? = nil, etaSeconds: Double? = nil
  ) {
    self.step = step
    self.steps = steps
    self.epoch = epoch
    self.epochs = epochs
    self.imagesPerSecond = imagesPerSecond
    self.viewWaitShare = viewWaitShare
    self.etaSeconds = etaSeconds
  }
}

/// What dashboards poll.
public struct RunStatus: Hashable, Sendable, Codable {
  /// The state.
  public var state: RunState
  /// When the state was entered.
  public var since: Timestamp
  /// Why it is in this state.
  public var reason: RunReason?
  /// How far the run is.
  public var progress: RunProgress
  /// The values of the latest reported update, by the names that ``RunRecord/metrics`` declares.
  public var metrics: MetricValues?
  /// Whether the representation is alive.
  public var health: RunHealth?
  /// Times a crashed worker was replaced since the run was last started by request.
  public var restarts: Int
  /// The step of the checkpoint that the present or last worker went on from.
  public var resumedFrom: Int?
  /// The step of the newest checkpoint.
  public var checkpointStep: Int?
  /// The step of the checkpoint that an evaluation liked best; nil where none was evaluated.
  public var bestStep: Int?
  /// When the newest checkpoint was reported.
  public var checkpointAt: Timestamp?
  /// Its ticket in the queue: lower ones are served first. Not a time, since clocks jump.
  public var queueNumber: Int?
  /// Runs before it in the queue; only while queued.
  public var queuePosition: Int?
  /// When its turn will come, to the minute; only while queued, and only where the speeds are known.
  public var estimatedStart: Timestamp?
  /// Goes up by at least one with every change of anything above: for `ETag`.
  public var version: Int

  /// The status of a new run.
  public init(queuedAt now: Timestamp, recipe: Recipe) {
    state = .queued
    since = now
    progress = RunProgress(step: 0, steps: recipe.totalSteps, epoch: 0, epochs: recipe.epochs)
    restarts = 0
    version = 1
  }
}

/// A run, its status, and the metrics that it reports.
public struct RunRecord: Hashable, Sendable, Codable {
  /// The run.
  public var run: Run
  /// Its status.
  public var status: RunStatus
  /// The metrics that its workers declared. A metric never changes its place: values are stored by place.
  public var metrics: [Metric]

  /// A run, its status and its metrics.
  public init(run: Run, status: RunStatus, metrics: [Metric] = []) {
    self.run = run
    self.status = status
    self.metrics = metrics
  }

  /// Decodes the value; records of before metrics were declared have none.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    run = try container.decode(Run.self, forKey: .run)
    status = try container.decode(RunStatus.self, forKey: .status)
    metrics = try container.decodeIfPresent([Metric].self, forKey: .metrics) ?? []
  }
}
