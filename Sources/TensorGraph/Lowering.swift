/// Turns a graph into something that runs.
///
/// A lowering may choose layouts, merge nodes and reuse memory; what the host sees must agree with
/// the reference lowering.
public protocol Lowering: Sendable {
  /// Compiles the graph. Nothing allocates after this.
  ///
  /// - Throws: `LoweringError` if the graph cannot run here; nothing is left behind.
  func compile(_ graph: Graph) throws(LoweringError) -> any Program
}

/// A compiled graph with its variables, all zero at first. One thread at a time may use it.
public protocol Program: AnyObject {
  /// The bytes of the arena in which intermediate values live.
  var arenaByteCount: Int { get }

  /// Sets an input or a variable from values in row-major order of its logical shape.
  func write(_ values: [Float], to name: String)

  /// Sets a rank-4 input of logical shape `[N, C, H, W]` from values in the order `[N, H, W, C]`.
  func write(channelsLast values: Span<Float>, to name: String)

  /// A variable, or an output of the last run, in row-major order of its logical shape.
  func read(_ name: String) -> [Float]

  /// Computes the outputs from the inputs and variables, then makes the assignments. `afterEachStep` is told
  /// each step's place in `steps` when it has ended.
  ///
  /// - Throws: `LoweringError.executionFailed`; the variables are then undefined.
  func run(afterEachStep: (Int) -> Void) throws(LoweringError)

  /// What a run does, in order.
  var steps: [ProgramStep] { get }

  /// The bytes of everything that the program holds: arena, variables, copies, scratch.
  var byteCount: Int { get }
}

extension Program {
  /// Computes the outputs from the inputs and variables, then makes the assignments.
  ///
  /// - Throws: `LoweringError.executionFailed`; the variables are then undefined.
  public func run() throws(LoweringError) { try run { _ in } }
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
