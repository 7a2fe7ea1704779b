public import Tensors

/// A way to run graphs on this machine, as a value: its name, the precisions that it supports here, and the maker of its
/// lowering.
public struct Engine: Sendable, CustomStringConvertible {
  /// The name by which it is chosen, such as `onednn`.
  public let name: String
  /// The precisions that it computes in on this machine, the fastest first; at least one.
  public let precisions: [Precision]
  private let make: @Sendable (Settings) -> any Lowering

  /// What a lowering is made with.
  public struct Settings: Sendable {
    /// The threads that its programs use.
    public var threads: ThreadBudget
    /// How activations are stored and multiplied; one of the engine's precisions.
    public var precision: Precision
    /// The most bytes of intermediate values that a program may hold.
    public var memoryLimitByteCount: Int
  }

  /// An engine. `make` is called with none but the given precisions.
  public init(
    name: String, precisions: [Precision], make: @escaping @Sendable (Settings) -> any Lowering
  ) {
    precondition(!precisions.isEmpty, "The engine \(name) computes in no precision.")
    self.name = name
    self.precisions = precisions
    self.make = make
  }

  /// The name.
  public var description: String { name }

  /// The fastest precision on this machine.
  public var bestPrecision: Precision { precisions[0] }

  /// A lowering with these settings. With a precision that the engine lacks, its `compile` throws
  /// `LoweringError.unsupported`: a recipe frozen on another machine is then refused where every other
  /// graph that cannot run is.
  public func lowering(
    threads: ThreadBudget, precision: Precision, memoryLimitByteCount: Int = .max
  ) -> any Lowering {
    guard precisions.contains(precision) else {
      let known = precisions.map(\.rawValue).joined(separator: ", ")
      return Refusal(
        reason:
          "\(precision.rawValue) by the engine \(name) on this machine; it computes in \(known)")
    }
    return make(
      Settings(
        threads: threads, precision: precision, memoryLimitByteCount: memoryLimitByteCount))
  }
}

/// Compiles nothing.
private struct Refusal: Lowering {
  var reason: String

  func compile(_ graph: Graph) throws(LoweringError) -> any Program { throw .unsupported(reason) }
}
