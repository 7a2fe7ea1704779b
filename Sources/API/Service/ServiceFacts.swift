public import Identifiers

/// What `/v1/info` and `/v1/status` say that does not change while the service runs.
public struct ServiceFacts: Sendable {
  /// The version of the program.
  public var version: String
  /// When it started.
  public var startedAt: Timestamp
  /// The same moment on the clock by which the time since is measured.
  public var startInstant: ContinuousClock.Instant
  /// Threads for embeddings and training.
  public var threads: Int
  /// Limits by name, each name ending in its unit.
  public var limits: [String: Int]
  /// What the program was built from and with.
  public var build = BuildFacts()
  /// What it computes on.
  public var processor = ProcessorFacts()
  /// Runs that may wait.
  public var runQueueCapacity = 0

  /// The facts of a service.
  public init(
    version: String, startedAt: Timestamp, startInstant: ContinuousClock.Instant = .now,
    threads: Int, limits: [String: Int]
  ) {
    self.version = version
    self.startedAt = startedAt
    self.startInstant = startInstant
    self.threads = threads
    self.limits = limits
  }
}

/// What a program was built from and with.
public struct BuildFacts: Sendable {
  /// The commit of the sources; nil where the build did not know it.
  public var commit: String?
  /// Versions of the libraries that it runs with, by name.
  public var libraries: [String: String] = [:]

  /// Nothing is known.
  public init() {}
}

/// What a service computes on.
public struct ProcessorFacts: Sendable {
  /// The architecture, such as `x86_64`.
  public var architecture = ""
  /// The maker's name for it; empty where the system tells none.
  public var model = ""
  /// Processors that the service may use.
  public var cores = 0
  /// The family that kernels are chosen for.
  public var family = "any"
  /// The extensions that those kernels use.
  public var features: [String] = []
  /// The engine's name.
  public var engine = ""
  /// What embeddings are computed in.
  public var precision = ""

  /// Nothing is known.
  public init() {}
}
