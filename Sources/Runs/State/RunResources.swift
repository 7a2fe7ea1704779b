/// What a run's worker may use of the machine; nil leaves a choice to the service's settings.
///
/// No part of the recipe: it decides how fast and how politely a run computes, not what.
public struct RunResources: Hashable, Sendable, Codable {
  /// Threads of an update.
  public var threads: Int?
  /// Bytes of memory of its own that the worker may hold; one that holds more is ended as `out_of_memory`.
  public var memoryBytes: Int?
  /// The worker's niceness: 0 competes with everything else, 19 hardly does; nil, where the settings say nothing
  /// else, takes what is left over.
  public var niceness: Int?

  /// What a run may use.
  public init(threads: Int? = nil, memoryBytes: Int? = nil, niceness: Int? = nil) {
    self.threads = threads
    self.memoryBytes = memoryBytes
    self.niceness = niceness
  }
}

/// What may be asked for in `RunResources`.
public enum RunResourceLimits {
  /// Threads.
  public static let threads = 1...4096
  /// Bytes of memory. Less than the least of it holds no worker at all.
  public static let memoryBytes = 67_108_864...9_007_199_254_740_991
  /// Niceness.
  public static let niceness = 0...19
}
