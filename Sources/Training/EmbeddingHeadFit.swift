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
  /// Pictures whose features are in memory at once where there are more pictures than features.
  private static let picturesAtOnce = 512

  private let pack: Pack
  private let training: [Int]
  private let dimension: Int
  /// The most pictures that a head is fitted to.
  private let count: Int
  /// Whether the quadrants say something: the run's views are never turned, since its pictures have an upright.
  private let hasQuadrants: Bool
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
    hasQuadrants = recipe.augmentations.first.quarterTurnProbability == 0
    training = pack.pictures(in: .train)
    count = min(training.count, recipe.greatestFitCount)
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
    let blocks = FeatureBlocks(
      stages: model.encoder.network.stageChannels.count, hasQuadrants: hasQuadrants,
      hasHalfScale: FeatureBlocks.hasHalfScale(side: model.imageSize))
    let features = try EmbeddingFeatures(model, blocks, filters: filters, lowering: lowering)
    let weights = features.names.map(FeatureBlocks.weight)
    let projection =
      count > features.widths.reduce(0, +)
      ? try projection(of: features, weights) : try projectionOfFew(features, weights)
    var model = model
    model.head = EmbeddingHead(
      filters: filters.weight, filterBias: filters.bias, blocks: blocks,
      weights: zip(projection.weights, features.widths).map { (values: $0, width: $1) },
      offset: projection.offset)
    return model
  }

  /// The features of pictures that are evenly spread over the set, which may be in the order of its folders.
  private func blocks(
    _ features: EmbeddingFeatures, of places: Range<Int>, among count: Int
  ) throws -> [[Float]] {
    try features(count: places.count) {
      try pack.image(at: training[(places.lowerBound + $0) * training.count / count])
    }
  }

  /// Fitted to moments, where there are more pictures than features.
  private func projection(
    of features: EmbeddingFeatures, _ weights: [Double]
  ) throws -> WhitenedProjection {
    var moments = FeatureMoments(widths: features.widths, threads: threads)
    for first in stride(from: 0, to: count, by: Self.picturesAtOnce) {
      try moments.add(
        try blocks(
          features, of: first..<min(count, first + Self.picturesAtOnce), among: count))
    }
    return try WhitenedProjection(
      fittedTo: moments, weights: weights, dimension: dimension, threads: threads)
  }

  /// Fitted to the pictures themselves, where there are more features. The memory grows with the square of the pictures then, so
  /// that no more are taken than of any set.
  private func projectionOfFew(
    _ features: EmbeddingFeatures, _ weights: [Double]
  ) throws -> WhitenedProjection {
    let count = min(count, Recipe.leastFitCount)
    let blocks = try blocks(features, of: 0..<count, among: count)
    return try WhitenedProjection(
      fittedTo: blocks.indices.map {
        .init(features: blocks[$0], width: features.widths[$0], weight: weights[$0])
      }, dimension: dimension, threads: threads)
  }
}
