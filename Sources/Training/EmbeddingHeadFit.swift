import Datasets
import Encoders
import Evaluation
import Images
import NeuralNetworks
import Recipes
import TensorGraph
import Tensors

/// Fits embedding heads to the encoders of one run, without labels, on a fixed sample of its training pictures.
///
/// The filters depend on the pictures alone, so they are made once; the linear map is fitted to each encoder.
struct EmbeddingHeadFit {
  /// The most pictures that a head is fitted to.
  static let pictureLimit = 2048

  private let pack: Pack
  private let training: [Int]
  private let dimension: Int
  /// Whether the run's views are never turned, since its pictures have an upright.
  private let hasUpright: Bool
  private let threads: ThreadBudget
  private let lowering: any Lowering
  private let filters: (weight: NamedTensor, bias: NamedTensor)

  /// Makes the filters of a recipe's embedding from `pack`.
  ///
  /// - Throws: `PackError`, `EvaluationError` where the pictures do not differ.
  init(_ recipe: Recipe, pack: Pack, threads: ThreadBudget, lowering: any Lowering) throws {
    self.pack = pack
    self.threads = threads
    self.lowering = lowering
    dimension = recipe.embeddingDimension
    hasUpright = recipe.augmentations.first.quarterTurnProbability == 0
    training = pack.pictures(in: .train)
    let (side, size, channels) = (recipe.embeddingSize, EmbeddingHead.kernelSize, recipe.channels)
    let sample = PatchSample(pictureCount: training.count, seed: recipe.seed)
    let transform = EvaluationTransform(
      side: side, normalization: recipe.augmentations.normalization)
    var patches: [Float] = []
    for index in sample.pictures {
      patches += sample.patches(
        of: transform(try pack.image(at: training[index])), index: index, height: side, width: side,
        channels: channels, kernelSize: size)
    }
    let drawn = try PatchFilters(
      patches: patches, size: size * size * channels, count: EmbeddingHead.filterCount,
      threads: threads)
    filters = EmbeddingFeatures.filters(
      weights: drawn.weights, bias: drawn.bias, channels: channels)
  }

  /// The model with a head of its own.
  ///
  /// A pure function of the model, the pictures and the recipe, for a number of threads.
  /// - Throws: `PackError`, `EvaluationError` where the pictures do not differ, `LoweringError`.
  func callAsFunction(_ model: EncoderModel) throws -> EncoderModel {
    let features = try EmbeddingFeatures(model, filters: filters, lowering: lowering)
    // Evenly spread over the set, which may be in the order of its folders.
    let count = min(training.count, Self.pictureLimit)
    let blocks = try features(count: count) {
      try pack.image(at: training[$0 * training.count / count])
    }
    let projection = try WhitenedProjection(
      fittedTo: blocks.indices.map { block in
        WhitenedProjection.Block(
          features: blocks[block], width: features.widths[block],
          weight: EmbeddingHead.blockWeight(features.names[block], hasUpright: hasUpright))
      }, dimension: dimension, threads: threads)
    var model = model
    model.head = EmbeddingHead(
      filters: filters.weight, filterBias: filters.bias,
      weights: zip(projection.weights, features.widths).map { (values: $0, width: $1) },
      offset: projection.offset, stages: model.encoder.network.stageChannels.count)
    return model
  }
}
