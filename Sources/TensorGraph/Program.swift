/// A compiled graph with its variables, all zero at first: what an engine must offer. One thread at a time may use it.
public protocol Program: AnyObject {
  /// Sets an input or a variable from values in row-major order of its logical shape.
  func write(_ values: [Float], to name: String)

  /// Sets a rank-4 input of logical shape `[N, C, H, W]` from values in the order `[N, H, W, C]`.
  func write(channelsLast values: Span<Float>, to name: String)

  /// A variable, or an output of the last run, in row-major order of its logical shape.
  func read(_ name: String) -> [Float]

  /// Sets the input `name` from `output` of the last run of another program, of the same shape.
  func write(_ output: String, of other: any Program, to name: String)

  /// Computes the outputs from the inputs and variables, then makes the assignments.
  ///
  /// - Throws: `LoweringError.executionFailed`; the variables are then undefined.
  func run() throws(LoweringError)
}

extension Program {
  /// Copies by way of the host.
  public func write(_ output: String, of other: any Program, to name: String) {
    write(other.read(output), to: name)
  }
}

/// A program that can be inspected: its steps, their times, its memory. An engine need not offer this: one that
/// compiles the whole graph into a single executable has no steps to show.
public protocol InspectableProgram: Program {
  /// What a run does, in order.
  var steps: [ProgramStep] { get }

  /// The bytes of the arena in which intermediate values live.
  var arenaByteCount: Int { get }

  /// The bytes of everything that the program holds: arena, variables, copies, scratch.
  var byteCount: Int { get }

  /// Runs the program. `afterEachStep` is called with each step's index in `steps` when that step has ended.
  ///
  /// - Throws: `LoweringError.executionFailed`; the variables are then undefined.
  func run(afterEachStep: (Int) -> Void) throws(LoweringError)
}

extension InspectableProgram {
  /// Computes the outputs from the inputs and variables, then makes the assignments.
  ///
  /// - Throws: `LoweringError.executionFailed`; the variables are then undefined.
  public func run() throws(LoweringError) { try run { _ in } }
}

extension Program {
  /// The program's steps and memory; nil if its engine does not show them.
  public var inspection: (any InspectableProgram)? { self as? any InspectableProgram }
}
