public import TensorGraph

/// The network f that turns pictures into representations y = f(x).
///
/// To add one: a file with a type that conforms, a case of `EncoderConfiguration.Architecture` that makes it, and a test
/// of its parity. Parameter counts, memory and time are asked of the graph that it records.
public protocol Encoder: Sendable {
  /// The components of a representation, D.
  var dimension: Int { get }
  /// The least side of the pictures, in pixels.
  var leastSide: Int { get }
  /// Records the network into `module`: pictures `[N, C, H, W]` to representations `[N, D]`.
  ///
  /// The names of its parameters within the module are those of the checkpoint file, such as torchvision's.
  func record(_ pictures: Tensor, in module: Module) -> Tensor
}
