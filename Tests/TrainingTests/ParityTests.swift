import Images
import Methods
import NeuralNetworks
import OneDNNLowering
import ReferenceLowering
import TensorGraph
import Tensors
import Testing

@testable import Recipes
@testable import Training

/// The update against PyTorch's, tensor by tensor: see `Fixtures/make_parity.py`.
@Suite(.serialized) struct ParityTests {
  /// The largest relative error of any tensor, from the issue's own words.
  static let tolerance = 1e-4
  static let names = [
    "tiny", "plain", "resnet18", "resnet18-cifar", "resnet18-cifar-half", "resnet50",
  ]

  @Test(arguments: names) func `representations are PyTorch's`(_ name: String) throws {
    let example = try ParityFixture.load()[name]
    let training = try representation(example, .training, example.initialTensors())
    let inference = try representation(
      example, .inference, example.initialTensors() + example.inferenceTensors())
    let trainingError = try example.relativeError(
      of: training, to: example.trainingRepresentation)
    let inferenceError = try example.relativeError(
      of: inference, to: example.inferenceRepresentation)
    #expect(trainingError <= ParityTests.tolerance)
    #expect(inferenceError <= ParityTests.tolerance)
  }

  @Test(arguments: names) func `the loss and every gradient are PyTorch's`(_ name: String) throws {
    let example = try ParityFixture.load()[name]
    let result = try gradients(example, OneDNNLowering(threads: ThreadBudget(2)))
    #expect(abs(result.loss - example.loss) <= ParityTests.tolerance * example.loss)
    let worst = try example.worstError(of: result.gradients, to: example.gradients)
    #expect(worst.error <= ParityTests.tolerance, "\(worst.name): \(worst.error)")
  }

  @Test func `the reference lowering's loss and gradients are PyTorch's`() throws {
    let example = try ParityFixture.load()["tiny"]
    let result = try gradients(example, ReferenceLowering())
    #expect(abs(result.loss - example.loss) <= 1e-6 * example.loss)
    let worst = try example.worstError(of: result.gradients, to: example.gradients)
    #expect(worst.error <= 1e-5, "\(worst.name): \(worst.error)")
  }

  @Test(
    arguments: [
      ("tiny", .lars), ("tiny", .sgd), ("resnet18", .lars), ("resnet18", .sgd),
      ("resnet18-cifar", .lars), ("resnet18-cifar-half", .lars), ("resnet50", .lars),
    ] as [(String, ParityRun.Optimizer)])
  func `ten updates are PyTorch's`(_ name: String, _ optimizer: ParityRun.Optimizer) throws {
    let example = try ParityFixture.load()[name]
    let run = try example.run(optimizer)
    let program = try updates(example, run, steps: 0)
    for (step, expected) in run.losses.enumerated() {
      let loss = try update(program, example, run, step: step)
      #expect(
        abs(loss - expected) <= ParityTests.tolerance * expected, "step \(step): \(loss)")
    }
    let tensors = run.state.map { tensor in
      NamedTensor(
        name: tensor.name, shape: Shape(tensor.shape), values: program.read(tensor.name))
    }
    let worst = try example.worstError(of: tensors, to: run.state)
    #expect(worst.error <= ParityTests.tolerance, "\(worst.name): \(worst.error)")
  }

  @Test func `a target that does not move is noticed`() throws {
    let example = try ParityFixture.load()["tiny"]
    var run = try example.run(.lars)
    run.taus = run.taus.map { _ in 1 }
    let program = try updates(example, run, steps: run.losses.count)
    let tensors = run.state.map { tensor in
      NamedTensor(
        name: tensor.name, shape: Shape(tensor.shape), values: program.read(tensor.name))
    }
    #expect(try example.worstError(of: tensors, to: run.state).error > ParityTests.tolerance)
  }
}

extension ParityTests {
  /// The fixture's recipe; values that its graph does not depend on are the usual ones.
  private func recipe(
    _ example: ParityCase, optimizer: Recipe.Optimizer, weightDecay: Double, momentum: Double,
    trustCoefficient: Double
  ) -> Recipe {
    Recipe(
      preset: .small, seed: 1, pictures: 10 * example.batch, encoder: example.encoder,
      imageSize: example.side, projectorHidden: example.hidden, projectorOutput: example.output,
      predictorHidden: example.hidden, batchSize: example.batch, epochs: 1, optimizer: optimizer,
      baseLearningRate: 1, weightDecay: weightDecay, momentum: momentum,
      trustCoefficient: trustCoefficient, warmupEpochs: 0, baseTau: 0.99, tauSchedule: .cosine,
      augmentations: Augmentations(), checkpointEverySteps: 0, checkpointEverySeconds: 60,
      precision: .float32)
  }

  private func representation(
    _ example: ParityCase, _ mode: NetworkScope.Mode, _ tensors: [NamedTensor]
  ) throws -> [Float] {
    let recorder = Recorder()
    let scope = NetworkScope(recorder, name: "online", mode: mode)
    let view = example.view(1, step: 0)
    recorder.output(
      "y",
      example.encoder.network.record(
        recorder.input("x", view.shape), in: scope.module("encoder")))
    let program = try OneDNNLowering(threads: ThreadBudget(2)).compile(recorder.graph)
    let names = Set(scope.parameters.map(\.name))
    for tensor in tensors where names.contains(tensor.name) {
      program.write(tensor.values, to: tensor.name)
    }
    program.write(view.values, to: "x")
    try program.run()
    return program.read("y")
  }

  /// Without decay, momentum and adaptation, the velocities after one update are the gradients.
  private func gradients(_ example: ParityCase, _ lowering: any Lowering) throws -> (
    loss: Double, gradients: [NamedTensor]
  ) {
    let run = ParityRun(
      optimizer: .sgd, weightDecay: 0, momentum: 0, trustCoefficient: 0, learningRates: [0],
      taus: [1], losses: [0], cosines: [], state: [])
    let program = try compile(example, run, lowering)
    let loss = try update(program, example, run, step: 0)
    let gradients = example.gradients.map { tensor in
      NamedTensor(
        name: tensor.name, shape: Shape(tensor.shape),
        values: program.read("velocity." + tensor.name.dropFirst("online.".count)))
    }
    return (loss, gradients)
  }

  private func updates(_ example: ParityCase, _ run: ParityRun, steps: Int) throws -> any Program {
    let program = try compile(example, run, OneDNNLowering(threads: ThreadBudget(2)))
    for step in 0..<steps { _ = try update(program, example, run, step: step) }
    return program
  }

  private func compile(_ example: ParityCase, _ run: ParityRun, _ lowering: any Lowering) throws
    -> any Program
  {
    let recipe = recipe(
      example, optimizer: run.optimizer == .lars ? .lars : .sgd, weightDecay: run.weightDecay,
      momentum: run.momentum, trustCoefficient: run.trustCoefficient)
    let program = try lowering.compile(recipe.update.graph)
    for tensor in example.initialTensors() { program.write(tensor.values, to: tensor.name) }
    return program
  }

  private func update(_ program: any Program, _ example: ParityCase, _ run: ParityRun, step: Int)
    throws -> Double
  {
    program.write(example.view(1, step: step).values, to: "view 1")
    program.write(example.view(2, step: step).values, to: "view 2")
    program.write([Float(run.learningRates[step])], to: "learning rate")
    program.write([Float(run.taus[step])], to: "tau")
    try program.run()
    return Double(program.read("loss")[0])
  }
}
