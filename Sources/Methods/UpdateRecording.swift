public import NeuralNetworks
public import TensorGraph
import Tensors

/// One update while its method records it: the learned network, the networks that follow it, the losses with their
/// gradients, and what is reported.
public struct UpdateRecording {
  /// Records the nodes.
  public let recorder: Recorder
  /// Records what comes after the gradients: `recorder`, or one of its own where the update is split.
  let steps: Recorder
  /// θ: the network that the optimizer changes.
  public let online: NetworkScope
  /// The networks that follow `online` by a moving average.
  public private(set) var averages: [NetworkScope] = []
  /// The scalar input τ of the moving averages; nil where no network follows.
  public private(set) var tau: Tensor?
  /// The networks that keep their first values.
  public private(set) var fixed: [NetworkScope] = []
  /// The scalar input that multiplies terms whose weight changes over the run; nil where there are none.
  public private(set) var termWeightInput: Tensor?
  /// The input of the pictures' labels; nil where the method does not learn from them.
  public private(set) var labels: Tensor?
  /// The losses; their sum is minimised.
  public private(set) var losses: [Tensor] = []
  /// For each learned variable, by name, the gradients of the losses; their sum is meant.
  public private(set) var gradients: [String: [Tensor]] = [:]
  /// The figures that are reported beside the loss, in order.
  public private(set) var figures: [Update.Figure] = []
  /// The representations of the first view, `[N, D]`.
  public private(set) var representation: Tensor?
  /// The projections of the first view, `[N, D]`.
  public private(set) var projection: Tensor?

  /// An update without losses.
  public init(_ recorder: Recorder) { self.init(recorder, steps: recorder) }

  init(_ recorder: Recorder, steps: Recorder) {
    self.recorder = recorder
    self.steps = steps
    online = NetworkScope(recorder, name: "online", mode: .training)
  }

  /// ξ: a network that follows `online`, ξ ← τξ + (1 − τ)θ (Grill et al. 2020, eq. 1), after the optimizer's step.
  ///
  /// Every parameter that it records must be one of `online`. Its running statistics are its own. It has no gradient: its
  /// outputs go through `stoppingGradient`.
  public mutating func movingAverage(_ name: String) -> NetworkScope {
    tau = tau ?? steps.input("tau", [])
    let network = NetworkScope(recorder, name: name, mode: .training)
    averages.append(network)
    return network
  }

  /// A network that keeps its first values; its running statistics move on. No gradient flows through it.
  public mutating func fixedNetwork(_ name: String) -> NetworkScope {
    let network = NetworkScope(recorder, name: name, mode: .training)
    fixed.append(network)
    return network
  }

  /// The weight of terms that a recipe may let fall over the run: a scalar in 0…1, the same for all of them.
  public mutating func termWeight() -> Tensor {
    let weight = termWeightInput ?? recorder.input(Update.termWeightName, [])
    termWeightInput = weight
    return weight
  }

  /// The pictures' labels, `[batch, classes]`: each row is 1 at the picture's label and 0 elsewhere.
  public mutating func labels(_ batch: Int, classes: Int) -> Tensor {
    let input = labels ?? recorder.input(Update.labelsName, [batch, classes])
    labels = input
    return input
  }

  /// Adds a loss, a scalar, to what is minimised, and records its gradients with respect to everything that `online` has
  /// recorded so far; the loss must depend on all of it.
  ///
  /// The gradient of a sum is the sum of the gradients. A method whose losses depend on one view each records a view and
  /// minimises its loss before it records the next one: then only one view's activations are alive at once, since a value's
  /// memory is free after its last reader in the order of recording.
  public mutating func minimize(_ loss: Tensor) {
    let learned = online.learned
    let gradients = loss.gradients(of: learned.map(\.variable))
    for ((parameter, _), gradient) in zip(learned, gradients) {
      self.gradients[parameter.name, default: []].append(gradient)
    }
    losses.append(loss)
  }

  /// Names the representations `[N, D]` of the first view, what embeddings are made of, and their projections `[N, D]`, in which
  /// a collapse shows first.
  public mutating func represent(_ representation: Tensor, projection: Tensor) {
    (self.representation, self.projection) = (representation, projection)
  }

  /// Reports `offset + factor · tensor` with every update; without a tensor, of the sum of the losses.
  ///
  /// The name is that of one of the method's `metrics`, in their order.
  public mutating func report(
    _ name: String, _ tensor: Tensor? = nil, factor: Double = 1, offset: Double = 0
  ) {
    if let tensor { recorder.output(name, tensor) }
    figures.append(
      Update.Figure(
        name: name, output: tensor == nil ? Update.lossName : name, factor: factor, offset: offset))
  }
}
