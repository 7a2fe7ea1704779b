import Images
import Metrics
public import NeuralNetworks
public import TensorGraph
import Tensors

/// One update as one graph: views → losses → gradients → optimizer → moving averages.
///
/// Inputs: `view 1`, `view 2`, … `[N, C, S, S]`, the optimizer's scalars, `tau` where a network follows another, `term weight`
/// where terms fall over the run, and `labels` `[N, classes]` where the method learns from them. Outputs:
/// `loss`, a scalar; `representation` and `projection` `[N, D]` of view 1; each figure that the method reports of a tensor of its own. The
/// variables are those of ``TrainingState``.
public struct Update: Sendable {
  /// The output with the sum of the losses.
  public static let lossName = "loss"
  /// The output with the representations of the first view, `[N, D]`.
  public static let representationName = "representation"
  /// The output with their projections, `[N, D]`.
  public static let projectionName = "projection"
  /// The input with the weight of terms that fall over the run.
  public static let termWeightName = "term weight"
  /// The input with the pictures' labels.
  public static let labelsName = "labels"

  /// The recorded graph: the whole update, or where it is split, all up to the gradients.
  public let graph: Graph
  /// Where the update is split, what comes after the gradients: optimizer and moving averages.
  ///
  /// Inputs: ``gradientName(of:)`` of each learned parameter, the optimizer's scalars, and `tau` where a network follows
  /// another. Every value is a vector here, in row-major order of its shape in `graph`: optimizers and averages work
  /// element by element, or on norms.
  public let application: Graph?
  /// θ: what the optimizer changes.
  public let learned: [Parameter]
  /// Every variable with its first value's distribution: θ, what follows it, their statistics, the optimizer's slots.
  public let variables: [Parameter]
  /// The names of the inputs that take the views.
  public let viewNames: [String]
  /// The rule of the optimizer for weights: its scalars are inputs.
  public let rule: OptimizerRule
  /// Whether `tau` is an input.
  public let hasTau: Bool
  /// Whether `term weight` is an input.
  public let hasTermWeight: Bool
  /// How many labels there are where `labels` is an input; else nil.
  public let classes: Int?
  /// What is reported beside the loss, in order.
  public let figures: [Figure]

  /// A figure of every update: `offset + factor · x`, where x is the output `output`.
  public struct Figure: Hashable, Sendable {
    /// The name of the metric.
    public var name: String
    /// The output that is read.
    public var output: String
    /// Multiplies it.
    public var factor: Double
    /// Is added.
    public var offset: Double
  }

  /// Records the update of a method.
  ///
  /// - Parameters:
  ///   - method: What is learned.
  ///   - batchSize: Pictures per update.
  ///   - channels: Channels of the pictures.
  ///   - isLean: Whether activations are computed again where a gradient reads them, to the same bits in less memory.
  ///   - isSplit: Whether `graph` ends with the gradients, as outputs, and `application` goes on from them: so that they can
  ///     be summed over processes in between. A whole update is faster, since it never writes that sum.
  ///   - ruleFor: The optimizer's rule for a parameter of each role; all have the same scalars.
  ///   - rateFactor: Multiplies the learning rate of a parameter; 1 by default.
  public init(
    _ method: any Method, batchSize: Int, channels: Int, isLean: Bool, isSplit: Bool = false,
    rule ruleFor: (Parameter.Role) -> OptimizerRule,
    rateFactor: (Parameter) -> Double = { _ in 1 }
  ) {
    let recorder = Recorder()
    viewNames = method.views.indices.map { "view \($0 + 1)" }
    let views = zip(viewNames, method.views).map { name, view in
      recorder.input(name, [batchSize, channels, view.side, view.side])
    }
    rule = ruleFor(.weight)
    let steps = isSplit ? Recorder() : recorder
    let scalars = rule.scalarNames.map { steps.input($0, []) }

    var recording = UpdateRecording(recorder, steps: steps)
    method.record(views, in: &recording)

    let (updated, slots) = recording.step(scalars, rule: ruleFor, rateFactor: rateFactor)
    recording.moveAverages(toward: updated)
    recording.assignStatistics()
    recording.declareOutputs()

    application = isSplit ? steps.graph : nil
    graph = isLean ? recorder.graph.rematerialized() : recorder.graph
    variables =
      recording.online.parameters + (recording.averages + recording.fixed).flatMap(\.parameters)
      + slots
    learned = recording.online.learned.map(\.parameter)
    hasTau = recording.tau != nil
    hasTermWeight = recording.termWeightInput != nil
    classes = recording.labels?.shape[1]
    figures = recording.figures
    precondition(
      [Update.lossName] + figures.map(\.name) == method.metrics.map(\.name),
      "The figures of \(type(of: method).name) are not those that it declares.")
  }
}

extension Update {
  /// Whether a variable is what the optimizer keeps beside a parameter.
  public func isSlot(_ variable: Parameter) -> Bool { rule.slotNames.contains(variable.network) }

  /// The name of a parameter's gradient: of the output of `graph` and the input of `application`, where the update is split.
  public static func gradientName(of parameter: String) -> String { "gradient of \(parameter)" }
}

extension UpdateRecording {
  private var isSplit: Bool { steps !== recorder }

  /// A variable where the optimizer and the averages are recorded.
  private func variable(_ parameter: Parameter) -> Tensor {
    steps.variable(parameter.name, isSplit ? [parameter.shape.elementCount] : parameter.shape)
  }

  /// The gradients of a parameter where the optimizer is recorded; their sum is meant.
  private func gradients(of parameter: Parameter) -> [Tensor] {
    guard let gradients = gradients[parameter.name], let first = gradients.first else {
      preconditionFailure("No loss depends on \(parameter.name).")
    }
    guard isSplit else { return gradients }
    let name = Update.gradientName(of: parameter.name)
    recorder.output(name, gradients.dropFirst().reduce(first, +))
    return [steps.input(name, [parameter.shape.elementCount])]
  }

  /// θ ← optimizer(θ, Σ ∇θ, η): the new value of each learned parameter by its path in the network, and the slots that the
  /// optimizer keeps.
  fileprivate func step(
    _ scalars: [Tensor], rule: (Parameter.Role) -> OptimizerRule,
    rateFactor: (Parameter) -> Double
  ) -> (updated: [ParameterKey: Tensor], slots: [Parameter]) {
    var updated: [ParameterKey: Tensor] = [:]
    var slots: [Parameter] = []
    // The first scalar of every rule is the learning rate.
    var rates: [Double: Tensor] = [1: scalars[0]]
    for (parameter, _) in online.learned {
      let gradients = gradients(of: parameter)
      let rule = rule(parameter.role)
      let factor = rateFactor(parameter)
      let rate = rates[factor] ?? scalars[0] * Float(factor)
      rates[factor] = rate
      let kept = rule.slotNames.map(parameter.slot)
      let keptVariables = kept.map { self.variable($0) }
      let variable = variable(parameter)
      let step = variable.updated(
        slots: keptVariables, gradients: gradients, scalars: [rate] + scalars.dropFirst(), rule)
      steps.assign(step.parameter, to: variable)
      for (new, old) in zip(step.slots, keptVariables) { steps.assign(new, to: old) }
      updated[ParameterKey(parameter)] = step.parameter
      slots += kept
    }
    return (updated, slots)
  }

  /// ξ ← τξ + (1 − τ)θ (Grill et al. 2020, eq. 1), with the new θ, for every parameter of each network that follows.
  ///
  /// Means and variances of batch normalisation are each network's own: τ does not touch them.
  fileprivate func moveAverages(toward updated: [ParameterKey: Tensor]) {
    for network in averages {
      guard let tau else { preconditionFailure("A network follows, and there is no τ.") }
      for (parameter, _) in network.learned {
        guard let new = updated[ParameterKey(parameter)] else {
          preconditionFailure("\(parameter.name) follows nothing: it has no learned twin.")
        }
        let variable = variable(parameter)
        steps.assign(variable.interpolated(toward: new, tau: tau), to: variable)
      }
    }
  }

  fileprivate func assignStatistics() {
    online.assignStatistics()
    for network in averages + fixed { network.assignStatistics() }
  }

  fileprivate func declareOutputs() {
    guard let representation, let projection, let first = losses.first else {
      preconditionFailure("The method recorded no loss or named no representation.")
    }
    recorder.output(Update.lossName, losses.dropFirst().reduce(first, +))
    recorder.output(Update.representationName, representation)
    recorder.output(Update.projectionName, projection)
  }
}

/// A parameter's place in its network, whichever network that is.
private struct ParameterKey: Hashable {
  let module: String
  let path: String

  init(_ parameter: Parameter) {
    module = parameter.module
    path = parameter.path
  }
}
