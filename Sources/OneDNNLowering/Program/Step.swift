import TensorGraph

/// One call of a kernel, bound to its memory.
struct Step {
  /// What it does, for errors, plans and profiles.
  var description: ProgramStep
  /// Computes. Allocates nothing.
  var run: () throws(LoweringError) -> Void
}
