import Datasets
import Encoders
import Evaluation
import Images
import NeuralNetworks
import Recipes
import TensorGraph
import Tensors

extension EncoderModel {
  /// The most pictures that an embedding head is fitted to.
  static let fittedPictures = 2048

  /// The model with an embedding head, fitted without labels to a fixed sample of the training pictures.
  ///
  /// A pure function of the model, the pictures, the dimension and the seed, for a number of threads.
  /// - Throws: `PackError`, `EvaluationError` where the pictures do not differ, `LoweringError`.
  func fitted(
    to pack: Pack, dimension: Int, seed: UInt64, threads: ThreadBudget, lowering: any Lowering
  ) throws -> EncoderModel {
    let training = pack.pictures(in: .train)
    let sample = PatchSample(pictureCount: training.count, seed: seed)
    let transform = EvaluationTransform(side: imageSize, normalization: normalization)
    var patches: [Float] = []
    for index in sample.pictures {
      patches += sample.patches(
        of: transform(try pack.image(at: training[index])), index: index, height: imageSize,
        width: imageSize, channels: normalization.channels, kernelSize: EmbeddingHead.kernelSize)
    }
    let size = EmbeddingHead.kernelSize * EmbeddingHead.kernelSize * normalization.channels
    let drawn = try PatchFilters(
      patches: patches, size: size, count: EmbeddingHead.filterCount, threads: threads)
    let filters = EmbeddingFeatures.filters(
      weights: drawn.weights, bias: drawn.bias, channels: normalization.channels)
    let features = try EmbeddingFeatures(self, filters: filters, lowering: lowering)
    // Evenly spread over the set, which may be in the order of its folders.
    let count = min(training.count, Self.fittedPictures)
    let blocks = try features(count: count) { try pack.image(at: training[$0 * training.count / count]) }
    let projection = try WhitenedProjection(
      fittedTo: zip(features.names.indices, blocks).map { block, values in
        WhitenedProjection.Block(
          features: values, width: features.widths[block],
          weight: EmbeddingHead.blockWeight(features.names[block]))
      }, dimension: dimension, threads: threads)
    var model = self
    model.head = EmbeddingHead(
      filters: filters.weight, filterBias: filters.bias,
      weights: zip(projection.weights, features.widths).map { (values: $0, width: $1) },
      offset: projection.offset, stages: encoder.network.stageChannels.count)
    return model
  }
}
