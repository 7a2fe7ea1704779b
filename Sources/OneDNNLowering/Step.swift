import TensorGraph

/// One call of a kernel, bound to its memory.
struct Step {
  /// What it does, for summaries, errors and profiles.
  var name: String
  /// The node it belongs to.
  var node: Int
  /// Computes. Allocates nothing.
  var run: () throws(LoweringError) -> Void
}
