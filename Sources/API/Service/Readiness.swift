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
