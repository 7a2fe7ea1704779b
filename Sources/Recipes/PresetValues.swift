import Images
import Methods
import NeuralNetworks

/// What a preset says of the fields that a request leaves open; nil where dataset or machine decide.
struct PresetValues {
  var method = MethodName(BYOL.self)
  var architecture: EncoderConfiguration.Architecture
  var imageSize: Int?
  var batchSize: Int?
  var epochs: Int?
  var optimizer: Recipe.Optimizer
  /// The values of the preset's own optimizer; another one takes `PresetValues.usual`.
  var optimization: Optimization
  var baseTau: Double?
  var localViews = 0
  var rateSchedule = Recipe.RateSchedule.cosine
  var temperature = 0.2
  var embedding = Recipe.Embedding.representation
  /// β of negatives beside BYOL's loss.
  var negativesWeight = 0.0
  /// Units of the heads' hidden layers, and dimensions of their outputs.
  var headHidden = 4096
  var headOutput = 256
  /// The two global views' distributions.
  var first = ViewAugmentation.paperFirst
  var second = ViewAugmentation.paperSecond

  struct Optimization {
    var baseLearningRate: Double
    var weightDecay: Double
  }

  /// Values for an optimizer that is not the preset's own.
  ///
  /// AdamW: 0.002 for a batch of 128, measured on EuroSAT. SGD: 0.06 for a batch of 128 and weight decay 5e-4, as others train BYOL on CIFAR. LARS: the
  /// authors' recipe for Imagenette.
  static func usual(_ optimizer: Recipe.Optimizer) -> Optimization {
    switch optimizer {
    case .sgd: Optimization(baseLearningRate: 0.12, weightDecay: 5e-4)
    case .lars: Optimization(baseLearningRate: 2, weightDecay: 1e-6)
    case .adamw: Optimization(baseLearningRate: 4e-3, weightDecay: 0.01)
    }
  }

  /// The values for an optimizer: the preset's own where it is the preset's.
  func optimization(of other: Recipe.Optimizer) -> Optimization {
    other == optimizer ? optimization : PresetValues.usual(other)
  }

  static func paper(
    epochs: Int, baseLearningRate: Double, weightDecay: Double, baseTau: Double
  ) -> PresetValues {
    PresetValues(
      architecture: .resnet50, imageSize: 224, batchSize: 4096, epochs: epochs, optimizer: .lars,
      optimization: Optimization(baseLearningRate: baseLearningRate, weightDecay: weightDecay),
      baseTau: baseTau)
  }
}

extension RecipePreset {
  var values: PresetValues {
    switch self {
    case .small:
      PresetValues(
        architecture: .resnet18, optimizer: .adamw, optimization: PresetValues.usual(.adamw),
        rateSchedule: .oneCycle, embedding: .whitened, negativesWeight: 1, headHidden: 512,
        headOutput: 128, first: .mild, second: .mild)
    case .imagenette:
      PresetValues(
        architecture: .resnet18, imageSize: 128, batchSize: 256, epochs: 1000, optimizer: .lars,
        optimization: PresetValues.usual(.lars), baseTau: 0.99)
    case .paper40:
      .paper(epochs: 40, baseLearningRate: 0.45, weightDecay: 1e-6, baseTau: 0.97)
    case .paper100:
      .paper(epochs: 100, baseLearningRate: 0.45, weightDecay: 1e-6, baseTau: 0.99)
    case .paper300:
      .paper(epochs: 300, baseLearningRate: 0.30, weightDecay: 1e-6, baseTau: 0.99)
    case .paper1000:
      .paper(epochs: 1000, baseLearningRate: 0.20, weightDecay: 1.5e-6, baseTau: 0.996)
    }
  }
}
