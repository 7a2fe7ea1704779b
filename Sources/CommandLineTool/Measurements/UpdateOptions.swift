import ArgumentParser
import NeuralNetworks
import Recipes
import TensorGraph
import Tensors
import Training

/// The inside of a program, for the commands that print it.
///
/// - Throws: `ValidationError` if the engine does not show it.
func requireInspection(
  _ inspection: (any InspectableProgram)?, _ engine: Engine
) throws -> any InspectableProgram {
  guard let inspection else {
    throw ValidationError("The engine \(engine.name) does not show the steps of its programs.")
  }
  return inspection
}

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

  @Option(help: "Pictures per update.")
  var batch = 64

  @Option(help: "Small views of each picture beside the two global ones, 0…16.")
  var localViews = 0

  @Option(help: "Side of the small views, in pixels.")
  var localSize = 16

  @Option(help: "full, or lean: activations are computed again where a gradient reads them.")
  var memory = Recipe.Memory.full

  @OptionGroup var engine: EngineOptions

  /// The recipe of the update: what is not an option is as in the authors' recipe for ResNet-18.
  func recipe() throws -> Recipe {
    var request = RecipeRequest()
    request[\.preset] = .imagenette
    request[\.encoder.architecture] = encoder
    request[\.encoder.width] = width
    request[\.encoder.stem] = stem
    request[\.imageSize] = size
    request[\.batchSize] = batch
    request[\.precision] = try engine.resolvedPrecision
    request[\.memory] = memory
    request[\.localViews] = localViews
    if localViews > 0 { request[\.localSize] = localSize }
    do throws(RecipeProblems) {
      try request.checkValues()
      return try request.resolve(
        // A hundred batches: how many there are does not matter for one update.
        dataset: DatasetSize(pictures: 100 * batch, medianShortSide: size),
        machine: Machine.size(engine.budget, on: engine.engine)
      ).recipe
    } catch {
      throw refusal(
        error.sentences(flags: [
          "architecture": "--encoder", "image_size": "--size", "batch_size": "--batch",
          "local_views": "--local-views", "local_size": "--local-size",
        ]))
    }
  }

  /// A trainer with fresh weights.
  func trainer(_ recipe: Recipe) throws -> Trainer {
    try Trainer(
      recipe, lowering: engine.engine.lowering(threads: engine.budget, precision: recipe.precision))
  }

  /// The inside of a trainer's program.
  ///
  /// - Throws: `ValidationError` if the engine does not show it.
  func inspection(_ trainer: Trainer) throws -> any InspectableProgram {
    try requireInspection(trainer.inspection, engine.engine)
  }

  /// A batch of each view, the two global ones first: values in ±1 that no two neighbours share.
  func syntheticViews() -> [[Float]] {
    (0..<2 + localViews).map { view in
      let side = view < 2 ? size : localSize
      return (0..<batch * side * side * 3).map { index in
        Float((index * 37 + 11 * view) % 255) / 127 - 1
      }
    }
  }

  /// One line for people.
  func sentence(_ recipe: Recipe) -> String {
    let factor = width == 1 ? "" : " ×\(width)"
    let locals = localViews == 0 ? "" : "\(localViews) local views of \(localSize) px, "
    return "\(encoder.rawValue)\(factor), \(stem.rawValue) stem, \(size) px, batch \(batch), "
      + locals
      + "\(recipe.precision.rawValue), "
      + (memory == .lean ? "lean memory, " : "") + engine.threadsInWords
  }
}
