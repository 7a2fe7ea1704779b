import Images
import Methods
import Metrics
import NeuralNetworks
import OneDNNLowering
import Recipes
import ReferenceLowering
import TensorGraph
import Tensors
import Testing

@testable import Training

/// The updates of all methods against PyTorch's, tensor by tensor: see `Fixtures/make_methods.py`.
@Suite(.serialized) struct MethodParityTests {
  /// The largest relative error of any tensor.
  static let tolerance = 1e-4

  @Test func `every method has a case`() throws {
    let cases = try ParityFixture.load("methods.json").cases
    #expect(Set(cases.map(\.name)) == Set(MethodCase.all.map(\.name)))
    #expect(Set(MethodCase.all.map(\.method)) == Set(MethodName.allCases))
  }

  @Test(arguments: MethodCase.all, [true, false])
  func `the loss and every gradient are PyTorch's`(
    _ method: MethodCase, _ onReference: Bool
  ) throws {
    let example = try ParityFixture.load("methods.json")[method.name]
    let lowering: any Lowering =
      onReference ? ReferenceLowering() : OneDNNLowering(threads: ThreadBudget(2))
    // Without decay and momentum the velocities after one update are the gradients.
    let updates = try RecordedUpdate(
      example, method.method(example), { _ in .sgd(momentum: 0, weightDecay: 0) },
      lowering)
    let loss = try updates.update(example, step: 0, learningRate: 0, tau: 1)
    #expect(abs(loss - example.loss) <= Self.tolerance * example.loss)
    let gradients = updates.update.variables.filter { $0.network == "velocity" }.map {
      NamedTensor(
        name: "online.\($0.module).\($0.path)", shape: $0.shape,
        values: updates.program.read($0.name))
    }
    let worst = try example.worstError(of: gradients, to: example.gradients)
    #expect(worst.error <= Self.tolerance, "\(worst.name): \(worst.error)")
  }

  @Test(arguments: MethodCase.all)
  func `ten updates are PyTorch's`(_ method: MethodCase) throws {
    let example = try ParityFixture.load("methods.json")[method.name]
    for run in example.runs {
      let (losses, state) = try end(example, method.method(example), run)
      for (step, (loss, expected)) in zip(losses, run.losses).enumerated() {
        #expect(
          abs(loss - expected) <= Self.tolerance * expected,
          "\(run.optimizer), step \(step): \(loss)")
      }
      let worst = try example.worstError(of: state, to: run.state)
      #expect(worst.error <= Self.tolerance, "\(run.optimizer), \(worst.name): \(worst.error)")
    }
  }

  /// Negative controls: what a wrong method or optimizer does is far outside the tolerance.
  @Test func `gradients that flow into a target, and a decay of biases, are noticed`() throws {
    let example = try ParityFixture.load("methods.json")["simclr"]
    let run = try #require(example.runs.first { $0.optimizer == .adamw })
    let decayed = try end(example, SimCLR(Self.settings(example)), run, decaysBiases: true).state
    #expect(try example.worstError(of: decayed, to: run.state).error > Self.tolerance)
    let simSiam = try ParityFixture.load("methods.json")["simsiam"]
    let sgd = try #require(simSiam.runs.first)
    let flowing = try end(simSiam, FlowingSimSiam(Self.settings(simSiam)), sgd).state
    #expect(try simSiam.worstError(of: flowing, to: sgd.state).error > Self.tolerance)
  }
}

/// A method with the settings of one of the fixture's cases.
struct MethodCase: Sendable, CustomTestStringConvertible {
  let name: String
  let method: MethodName
  var localViews = 0
  var hasTerms = false

  var testDescription: String { name }

  static let localSide = 8
  /// Labels of the fixture, and that of each picture of a batch.
  static let classes = 5
  static func label(of picture: Int) -> Int { 3 * picture % classes }
  /// What the terms beside the loss are multiplied by.
  static let termWeight: Float = 0.7

  /// Each method as it is, then BYOL with all that a recipe may add to it.
  static let all =
    MethodName.allCases.map { MethodCase(name: $0.rawValue, method: $0) } + [
      MethodCase(name: "byol-terms", method: MethodName(BYOL.self), hasTerms: true),
      MethodCase(name: "byol-local", method: MethodName(BYOL.self), localViews: 2),
    ]

  fileprivate func method(_ example: ParityCase) -> any Method {
    var settings = MethodParityTests.settings(example)
    settings.views = Augmentations().views(
      side: example.side, localCount: localViews, localSide: Self.localSide)
    if hasTerms {
      (settings.negativesWeight, settings.temperature) = (0.5, 0.2)
      (settings.varianceWeight, settings.covarianceWeight) = (1, 0.04)
    }
    return method.method(settings)
  }
}

/// A wrong SimSiam, whose gradients flow into the projections that are predicted too.
private struct FlowingSimSiam: Method {
  static let name = "flowing"
  static let sentence = "A wrong method."
  static let options: Set<MethodOption> = []
  let views: [ViewSpecification]
  let metrics: [Metric] = [.loss("A wrong loss.")]
  private let settings: MethodSettings

  init(_ settings: MethodSettings) {
    views = settings.views
    self.settings = settings
  }

  func record(_ views: [Tensor], in update: inout UpdateRecording) {
    let (hidden, output) = (settings.projectorHidden, settings.projectorOutput)
    let projector = MLP(
      units: [hidden, hidden, output], hasHiddenBias: false, normalizesOutput: true)
    let predictor = MLP(units: [hidden, output], hasHiddenBias: false, hasOutputBias: true)
    let online = update.online
    let passes = views.map { view in
      let y = settings.encoder.network.record(view, in: online.module("encoder"))
      let z = projector.record(y, in: online.module("projector"))
      return (y: y, z: z, p: predictor.record(z, in: online.module("predictor")))
    }
    let losses = zip(passes, passes.reversed()).map { pass, other in
      (pass.p.l2Normalized() - other.z.l2Normalized()).squared().sumOfColumns()
    }
    update.minimize((losses[0] + losses[1]).mean() * 0.25)
    update.represent(passes[0].y, projection: passes[0].z)
  }
}

extension MethodParityTests {
  fileprivate static func settings(_ example: ParityCase) -> MethodSettings {
    MethodSettings(
      encoder: example.encoder, views: Augmentations().views(side: example.side),
      projectorHidden: example.hidden, projectorOutput: example.output,
      predictorHidden: example.hidden, temperature: 0.5, classes: MethodCase.classes)
  }

  /// The losses and the state of a run's updates.
  private func end(
    _ example: ParityCase, _ method: any Method, _ run: ParityRun, decaysBiases: Bool = false
  ) throws -> (losses: [Double], state: [NamedTensor]) {
    let updates = try RecordedUpdate(
      example, method, { run.rule(for: $0, decaysBiases: decaysBiases) },
      OneDNNLowering(threads: ThreadBudget(2)))
    let losses = try run.losses.indices.map { step in
      try updates.update(
        example, step: step, learningRate: run.learningRates[step], tau: run.taus[step])
    }
    let state = run.state.map { tensor in
      NamedTensor(
        name: tensor.name, shape: Shape(tensor.shape), values: updates.program.read(tensor.name))
    }
    return (losses, state)
  }
}

extension ParityRun {
  /// The optimizer's rule; AdamW's ε is that of `make_methods.py`.
  fileprivate func rule(for role: Parameter.Role, decaysBiases: Bool) -> OptimizerRule {
    let isWeight = role == .weight
    let decay = isWeight || decaysBiases ? weightDecay : 0
    switch optimizer {
    case .adamw:
      return .adamW(beta1: momentum, beta2: 0.999, epsilon: 1e-3, weightDecay: decay)
    case .lars where isWeight:
      return .lars(momentum: momentum, weightDecay: decay, trustCoefficient: trustCoefficient)
    case .lars, .sgd: return .sgd(momentum: momentum, weightDecay: decay)
    }
  }
}

/// A compiled update with the fixture's weights.
private struct RecordedUpdate {
  let update: Update
  let program: any Program

  init(
    _ example: ParityCase, _ method: any Method,
    _ rule: (Parameter.Role) -> OptimizerRule, _ lowering: any Lowering
  ) throws {
    update = Update(method, batchSize: example.batch, channels: 3, isLean: false, rule: rule)
    program = try lowering.compile(update.graph)
    let initial = Dictionary(
      example.initialTensors().map { ($0.name, $0.values) }, uniquingKeysWith: { $1 })
    for variable in update.variables {
      if let values = initial[variable.name] {
        program.write(values, to: variable.name)
      } else if variable.network == "online", case .constant(let value) = variable.initializer {
        // Scale and offset of a normalisation without an affine map: PyTorch has none.
        program.write(
          Array(repeating: value, count: variable.shape.elementCount), to: variable.name)
      }
    }
  }

  /// One update; the loss before it.
  func update(_ example: ParityCase, step: Int, learningRate: Double, tau: Double) throws -> Double
  {
    for (view, name) in update.viewNames.enumerated() {
      let side = view < 2 ? nil : MethodCase.localSide
      program.write(example.view(view + 1, step: step, side: side).values, to: name)
    }
    if let classes = update.classes {
      let rows = (0..<example.batch).map { picture in
        (0..<classes).map { $0 == MethodCase.label(of: picture) ? Float(1) : 0 }
      }
      program.write(rows.flatMap { $0 }, to: Update.labelsName)
    }
    if update.hasTermWeight {
      program.write([MethodCase.termWeight], to: Update.termWeightName)
    }
    let scalars = update.rule.scalars(learningRate: learningRate, step: step + 1)
    for (name, value) in zip(update.rule.scalarNames, scalars) { program.write([value], to: name) }
    if update.hasTau { program.write([Float(tau)], to: "tau") }
    try program.run()
    return Double(program.read("loss")[0])
  }
}
