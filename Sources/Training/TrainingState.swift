import Methods
import NeuralNetworks
import Randomness
public import Tensors

/// Everything an update changes: θ, what follows it, their batch statistics, the optimizer's slots, and the step. It is the
/// checkpoint.
///
/// Random numbers are a pure function of the recipe's seed and the step, so nothing of them is kept.
public struct TrainingState: Sendable, Equatable {
  /// Updates done, which is also the number (0-based) of the next one.
  public var step: Int
  /// The variables: `online.…`, `target.…` and `velocity.…` or other slots, under torchvision's names.
  public var tensors: [NamedTensor]

  /// A state read from a checkpoint; ``Trainer`` checks that the tensors are those of its recipe.
  public init(step: Int, tensors: [NamedTensor]) {
    self.step = step
    self.tensors = tensors
  }

  /// The online encoder's parameters and statistics under their checkpoint names, such as torchvision's: what embeds.
  func encoder(of update: Update) -> [NamedTensor] {
    let paths = Dictionary(
      update.variables.filter(\.isOfOnlineEncoder)
        .map { ($0.name, $0.path) }, uniquingKeysWith: { $1 })
    return tensors.compactMap { tensor in
      paths[tensor.name].map {
        NamedTensor(name: $0, shape: tensor.shape, values: tensor.values)
      }
    }
  }
}

extension Parameter {
  /// Its values before the first update, as the `index`-th variable of an update.
  func firstValues(index: Int, seed: UInt64) -> [Float] {
    var stream = RandomStream(seed: seed, purpose: .weights, index: index)
    return initializer.values(shape.elementCount, from: &stream)
  }
}
