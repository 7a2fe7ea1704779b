public import Images
import NeuralNetworks
public import TensorGraph
public import Tensors

/// Computes the features of pictures that an embedding head is fitted to. One thread at a time uses it.
public final class EmbeddingFeatures {
  /// The blocks' names, in their order.
  public let names: [String]
  /// Features of each block.
  public let widths: [Int]
  private let program: FeatureProgram
  private let transform: EvaluationTransform
  private let batchSize: Int

  /// Compiles the features in `blocks` of a model's encoder, whose own head does not matter.
  ///
  /// `filters` are `[2K, C, k, k]` with their bias `[2K]`, under the names that `filters(weights:bias:channels:)` gives them.
  ///
  /// - Throws: `EncoderModelError.tensor` if a tensor does not fit, `LoweringError` if the features do not compile.
  public init(
    _ model: EncoderModel, _ blocks: FeatureBlocks,
    filters: (weight: NamedTensor, bias: NamedTensor), batchSize: Int? = nil,
    lowering: any Lowering
  ) throws {
    let batchSize = batchSize ?? EmbeddingEncoder.batchSize(side: model.imageSize, most: 16)
    self.batchSize = batchSize
    transform = EvaluationTransform(side: model.imageSize, normalization: model.normalization)
    var recorded: [(name: String, features: Tensor)] = []
    program = try FeatureProgram(
      model, blocks, batchSize: batchSize, filterShape: filters.weight.shape,
      tensors: [filters.weight, filters.bias], lowering: lowering
    ) { recorder, features in
      for block in features { recorder.output(block.name, block.features) }
      recorded = features
    }
    names = recorded.map(\.name)
    widths = recorded.map { $0.features.shape[1] }
  }

  /// The filters of an embedding head under the names that it has for them.
  ///
  /// `weights` are `[K, k, k, C]` with their biases `[K]`; the other sign is added, and the threshold taken off.
  public static func filters(
    weights: [Float], bias: [Float], channels: Int
  ) -> (weight: NamedTensor, bias: NamedTensor) {
    let (size, count) = (EmbeddingHead.kernelSize, bias.count)
    var values: [Float] = []
    values.reserveCapacity(2 * weights.count)
    for sign in [1, -1] as [Float] {
      for filter in 0..<count {
        for channel in 0..<channels {
          for position in 0..<size * size {
            values.append(sign * weights[(filter * size * size + position) * channels + channel])
          }
        }
      }
    }
    return (
      NamedTensor(
        name: EmbeddingHead.filtersName, shape: [2 * count, channels, size, size], values: values),
      NamedTensor(
        name: EmbeddingHead.filterBiasName, shape: [2 * count],
        values: bias.map { $0 - EmbeddingHead.threshold }
          + bias.map { -$0 - EmbeddingHead.threshold })
    )
  }

  /// The features of pictures: for each block `[pictures, width]`, row-major.
  ///
  /// - Throws: `ImageError.otherChannels` for a picture of other channels than the model's; `LoweringError` if a kernel fails.
  public func callAsFunction(
    count: Int, picture: (Int) throws -> Raster
  ) throws -> [[Float]] {
    var blocks = widths.map { width in
      var values: [Float] = []
      values.reserveCapacity(count * width)
      return values
    }
    for first in stride(from: 0, to: count, by: batchSize) {
      let rows = min(batchSize, count - first)
      var batch: [Float] = []
      batch.reserveCapacity(batchSize * transform.elementCount)
      for index in first..<first + rows { batch += transform(try picture(index)) }
      batch += repeatElement(0, count: batchSize * transform.elementCount - batch.count)
      try program.run(batch)
      for (block, name) in names.enumerated() {
        blocks[block] += program.read(name).prefix(rows * widths[block])
      }
    }
    return blocks
  }
}
