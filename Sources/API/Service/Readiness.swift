public import Identifiers
import Runs
import Synchronization

/// Whether the service takes work: false while it starts and from the first sign of its end.
public final class Readiness: Sendable {
  private let ready = Atomic(false)

  /// Not ready yet.
  public init() {}

  /// What `/readyz` says.
  public var isReady: Bool {
    get { ready.load(ordering: .sequentiallyConsistent) }
    set { ready.store(newValue, ordering: .sequentiallyConsistent) }
  }
}

/// What `/v1/info` says.
public struct ServiceFacts: Sendable {
  /// The version of the program.
  public var version: String
  /// When it started.
  public var startedAt: Timestamp
  /// Threads for embeddings and training.
  public var threads: Int
  /// Limits by name, each name ending in its unit.
  public var limits: [String: Int]

  /// The facts of a service.
  public init(version: String, startedAt: Timestamp, threads: Int, limits: [String: Int]) {
    self.version = version
    self.startedAt = startedAt
    self.threads = threads
    self.limits = limits
  }
}
