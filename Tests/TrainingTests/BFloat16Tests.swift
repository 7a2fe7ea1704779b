import NeuralNetworks
import OneDNNLowering
import TensorGraph
import Tensors
import Testing

@testable import Recipes
@testable import Training

/// Training in bfloat16 beside the same training in float32.
@Suite(
  .serialized,
  .enabled(
    if: OneDNNLowering.bestPrecision == .bfloat16, "this processor does not multiply bfloat16"))
struct BFloat16Tests {
  /// How far a loss of ten updates may be from the float32 one, relatively.
  static let band = 0.01

  @Test func `ten losses follow those of float32`() throws {
    let recipe = try recipe()
    let losses = try Precision.allCases.map { precision in
      try run(recipe, precision, updates: 10).losses
    }
    for (wide, narrow) in zip(losses[0], losses[1]) {
      #expect(abs(narrow - wide) <= BFloat16Tests.band * wide, "\(narrow) is not \(wide)")
    }
    #expect(losses[0] != losses[1])
    #expect(losses[0][9] < 0.9 * losses[0][0])
  }

  @Test func `the same threads give the same bits`() throws {
    let recipe = try recipe()
    let first = try run(recipe, .bfloat16, updates: 3)
    let second = try run(recipe, .bfloat16, updates: 3)
    #expect(first.losses == second.losses)
    #expect(first.state == second.state)
  }

  private func recipe() throws -> Recipe {
    var request = RecipeRequest()
    request[\.preset] = .imagenette
    request[\.encoder.architecture] = .resnet18
    request[\.encoder.width] = 0.5
    request[\.encoder.stem] = .cifar
    request[\.imageSize] = 16
    request[\.batchSize] = 16
    request[\.epochs] = 1
    return try request.resolve(
      dataset: DatasetSize(pictures: 160, medianShortSide: 16),
      machine: MachineSize(cores: 2, memoryByteCount: 8 << 30)
    ).recipe
  }

  private func run(_ recipe: Recipe, _ precision: Precision, updates: Int) throws -> (
    losses: [Double], state: TrainingState
  ) {
    let trainer = try Trainer(
      recipe, lowering: OneDNNLowering(threads: ThreadBudget(2), precision: precision))
    var losses: [Double] = []
    for step in 0..<updates {
      let (first, second) = (view(11 * step), view(11 * step + 5))
      trainer.write(first.span, view: 0)
      trainer.write(second.span, view: 1)
      let metrics = try trainer.update()
      losses.append(metrics.loss)
    }
    return (losses, trainer.state)
  }

  private func view(_ shift: Int) -> [Float] {
    (0..<16 * 16 * 16 * 3).map { Float(($0 * 37 + shift) % 255) / 127 - 1 }
  }
}
