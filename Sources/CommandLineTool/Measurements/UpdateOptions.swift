import ArgumentParser
import NeuralNetworks
import OneDNNLowering
import Recipes
import TensorGraph
import Tensors
import Training

/// Which update to measure or to plan.
struct UpdateOptions: ParsableArguments {
  @Option(help: "resnet18, resnet34, resnet50, resnet101 or resnet152.")
  var encoder = EncoderConfiguration.Architecture.resnet18

  @Option(help: "Factor of every layer's channels, 0.25…4.")
  var width = 1.0

  @Option(help: "imagenet or cifar.")
  var stem = EncoderConfiguration.Stem.cifar

  @Option(help: "Side of the views, in pixels.")
  var size = 32

  @Option(help: "Pictures an update.")
  var batch = 64

  @Option(help: "full, or lean: activations are computed again where a gradient reads them.")
  var memory = Recipe.Memory.full

  @OptionGroup var engine: EngineOptions

  mutating func validate() throws {
    guard RecipeLimits.imageSize.contains(size), (2...4096).contains(batch) else {
      throw ValidationError(
        "--size must be \(RecipeLimits.imageSize) pixels and --batch 2…4096 pictures.")
    }
    guard EncoderConfiguration.widths.contains(width) else {
      throw ValidationError("--width must be 0.25…4.")
    }
  }

  /// The recipe of the update: what is not an option is the usual.
  func recipe() throws -> Recipe {
    var request = RecipeRequest()
    request.architecture = .value(encoder)
    request.width = .value(width)
    request.stem = .value(stem)
    request.imageSize = .value(size)
    request.batchSize = .value(batch)
    request.precision = .value(try engine.resolvedPrecision)
    request.memory = .value(memory)
    do {
      return try request.resolve(
        dataset: DatasetSize(pictures: 100 * batch, medianShortSide: size),
        machine: Machine.size(engine.budget)
      ).recipe
    } catch { throw ValidationError(error.sentences) }
  }

  /// A trainer with fresh weights.
  func trainer(_ recipe: Recipe) throws -> Trainer {
    try Trainer(
      recipe, lowering: OneDNNLowering(threads: engine.budget, precision: recipe.precision))
  }

  /// A batch of views: values in ±1 that no two neighbours share.
  func syntheticView(shift: Int) -> [Float] {
    (0..<batch * size * size * 3).map { index in Float((index * 37 + shift) % 255) / 127 - 1 }
  }

  /// One line for people.
  func sentence(_ recipe: Recipe) -> String {
    let factor = width == 1 ? "" : " ×\(width)"
    return "\(encoder.rawValue)\(factor), \(stem.rawValue) stem, \(size) px, batch \(batch), "
      + "\(recipe.precision.rawValue), "
      + (memory == .lean ? "lean memory, " : "") + engine.threadsInWords
  }
}
