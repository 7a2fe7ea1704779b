public import ArgumentParser
public import NeuralNetworks
public import Recipes
public import TensorGraph

/// The recipe's settings as flags, under the names that the API uses.
struct RecipeOptions: ParsableArguments {
  @Option(help: "Passes over the pictures.")
  var epochs: Int?

  @Option(help: "Pictures an update.")
  var batchSize: Int?

  @Option(help: "Side of the views, in pixels.")
  var imageSize: Int?

  @Option(help: "resnet18, resnet34, resnet50, resnet101 or resnet152.")
  var architecture: EncoderConfiguration.Architecture?

  @Option(help: "Factor of every layer's channels, 0.25…4.")
  var width: Double?

  @Option(help: "First layers: imagenet (divides the side by 4) or cifar (for about 32 pixels).")
  var stem: EncoderConfiguration.Stem?

  @Option(help: "lars or sgd.")
  var optimizer: Recipe.Optimizer?

  @Option(help: "Learning rate for a batch of 256; the peak is this times the batch size / 256.")
  var baseLearningRate: Double?

  @Option(help: "Weight decay; not applied to biases nor batch norm.")
  var weightDecay: Double?

  @Option(help: "The target's decay at the first update, 0…1.")
  var baseTau: Double?

  @Option(help: "Epochs of linear warm-up.")
  var warmupEpochs: Double?

  @Option(help: "Hidden units of projector and predictor.")
  var hidden: Int?

  @Option(help: "Seconds between two checkpoints.")
  var checkpointEverySeconds: Double?

  @Option(help: "float32 or bfloat16; default: bfloat16 where the processor multiplies it.")
  var precision: Precision?

  @Option(
    help: """
      full, or lean: activations are computed again where a gradient reads them, for less memory and the same results.
      """)
  var memory: Recipe.Memory?

  @Option(help: "Seed of every random number.")
  var seed: UInt64?

  /// The request that these flags make.
  func request() -> RecipeRequest {
    var request = RecipeRequest()
    set(&request.epochs, epochs)
    set(&request.batchSize, batchSize)
    set(&request.imageSize, imageSize)
    set(&request.architecture, architecture)
    set(&request.width, width)
    set(&request.stem, stem)
    set(&request.optimizer, optimizer)
    set(&request.baseLearningRate, baseLearningRate)
    set(&request.weightDecay, weightDecay)
    set(&request.baseTau, baseTau)
    set(&request.warmupEpochs, warmupEpochs)
    set(&request.projectorHidden, hidden)
    set(&request.predictorHidden, hidden)
    set(&request.checkpointEverySeconds, checkpointEverySeconds)
    set(&request.precision, precision)
    set(&request.memory, memory)
    set(&request.seed, seed)
    return request
  }

  /// Whether nothing was given.
  var isEmpty: Bool { request() == RecipeRequest() }

  private func set<Value>(_ setting: inout Setting<Value>, _ value: Value?) {
    if let value { setting = .value(value) }
  }
}

extension EncoderConfiguration.Architecture: ExpressibleByArgument {}
extension EncoderConfiguration.Stem: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
extension Recipe.Optimizer: ExpressibleByArgument {}
extension Recipe.Memory: ExpressibleByArgument {}
