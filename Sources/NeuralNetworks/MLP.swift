public import TensorGraph
import Tensors

/// A multi-layer perceptron with batch normalisation: what projects representations and predicts projections.
///
/// Every layer but the last is Linear → batch norm → ReLU. Parameters are named as in a PyTorch `Sequential` of those
/// modules: 0, 1, 3, 4, 6, 7.
public struct MLP: Hashable, Sendable {
  /// The units of each layer, the last one's being the output's; at least one.
  public var units: [Int]
  /// Whether the layers before the last one have biases.
  public var hasHiddenBias: Bool
  /// Whether the last layer has a bias.
  public var hasOutputBias: Bool
  /// Whether the output is normalised over the batch too, without an affine map.
  public var normalizesOutput: Bool

  /// An MLP; without further arguments BYOL's (Grill et al. 2020, §3.3).
  public init(
    units: [Int], hasHiddenBias: Bool = true, hasOutputBias: Bool = false,
    normalizesOutput: Bool = false
  ) {
    precondition(!units.isEmpty, "An MLP has at least one layer.")
    self.units = units
    self.hasHiddenBias = hasHiddenBias
    self.hasOutputBias = hasOutputBias
    self.normalizesOutput = normalizesOutput
  }

  /// Records the MLP into `module`: `[N, inputs]` to `[N, units.last]`.
  public func record(_ x: Tensor, in module: Module) -> Tensor {
    var x = x
    for (layer, outputs) in units.enumerated() {
      let isLast = layer == units.count - 1
      x = module.linear(
        "\(3 * layer)", x, outputs: outputs, bias: isLast ? hasOutputBias : hasHiddenBias)
      guard !isLast || normalizesOutput else { continue }
      x = module.batchNormalization("\(3 * layer + 1)", x, relu: !isLast, affine: !isLast)
    }
    return x
  }
}
