public import TensorGraph
import Tensors

/// The network f that turns pictures into representations y = f(x).
///
/// To add one: a file with a type that conforms, a case of `EncoderConfiguration.Architecture` that makes it, and a test
/// of its parity. Parameter counts, memory and time are asked of the graph that it records.
public protocol Encoder: Sendable {
  /// The components of a representation, D.
  var dimension: Int { get }
  /// The least side of the pictures, in pixels.
  var leastSide: Int { get }
  /// Records the network into `module`: pictures `[N, C, H, W]` to the feature maps `[N, Cᵢ, Hᵢ, Wᵢ]` of each stage; the
  /// last stage has `dimension` channels.
  ///
  /// The names of its parameters within the module are those of the checkpoint file, such as torchvision's.
  func recordStages(_ pictures: Tensor, in module: Module) -> [Tensor]
}

extension Encoder {
  /// The channels of each stage's feature maps.
  public var stageChannels: [Int] {
    let scope = NetworkScope(Recorder(), name: "", mode: .inference)
    let pictures = scope.recorder.input("pictures", [1, 3, leastSide, leastSide])
    return recordStages(pictures, in: scope.module("encoder")).map { $0.shape[1] }
  }

  /// Records the network into `module`: pictures `[N, C, H, W]` to representations `[N, D]`, the means of the last stage's
  /// feature maps.
  public func record(_ pictures: Tensor, in module: Module) -> Tensor {
    guard let last = recordStages(pictures, in: module).last else {
      preconditionFailure("An encoder has at least one stage.")
    }
    return last.globalAveragePooled()
  }
}
