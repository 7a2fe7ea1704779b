/// Turns a graph into something that runs.
///
/// A lowering may choose layouts, merge nodes and reuse memory; what the host sees must agree with
/// the reference lowering.
public protocol Lowering: Sendable {
  /// Compiles the graph. Nothing allocates after this.
  ///
  /// - Throws: `LoweringError` if the graph cannot run here; nothing is left behind.
  func compile(_ graph: Graph) throws(LoweringError) -> any Program
  /// How it stores feature maps and multiplies them.
  var precision: Precision { get }
  /// The same lowering for a graph whose precision matters more than its speed: it stores and multiplies in float32 at least.
  var inFloat32: any Lowering { get }
}

extension Lowering {
  /// float32, for a lowering that never stores less.
  public var precision: Precision { .float32 }

  /// Itself, for a lowering that never stores less.
  public var inFloat32: any Lowering { self }
}

/// Why a graph cannot be compiled or run.
public enum LoweringError: Error, Equatable, CustomStringConvertible {
  /// The plan needs more bytes than allowed.
  case outOfMemory(neededByteCount: Int, limitByteCount: Int)
  /// The lowering has no kernel for this.
  case unsupported(String)
  /// A kernel reported an error.
  case executionFailed(String)

  /// One sentence for the log.
  public var description: String {
    switch self {
    case .outOfMemory(let needed, let limit):
      "The plan needs \(needed) bytes; the limit is \(limit)."
    case .unsupported(let what): "Not supported by this lowering: \(what)."
    case .executionFailed(let what): "A kernel failed: \(what)."
    }
  }
}
