import NeuralNetworks
import TensorGraph
public import Tensors

/// What turns a trained encoder's feature maps, beside features that need no training, into an embedding.
///
/// The features of a picture, each a mean over positions of a rectified map, are those of each stage of the encoder, and of
/// convolutions with whitened patches of the training pictures (``FeatureBlocks``). The embedding is a linear map of their square
/// roots, fitted without labels: principal components, whitened. A network that was trained for minutes keeps little of what a
/// picture's texture and colours say; these features keep it.
public struct EmbeddingHead: Sendable, Equatable {
  /// The filters of whitened patches, `[2K, C, k, k]`: K filters, and the same with the other sign.
  public var filters: NamedTensor
  /// What is added to the products with the filters before they are rectified, `[2K]`.
  public var filterBias: NamedTensor
  /// What it maps.
  public let blocks: FeatureBlocks
  /// For each of the blocks the map `[dimension, width]`.
  public var weights: [NamedTensor]
  /// What is added to the sum, `[dimension]`.
  public var offset: NamedTensor

  /// Components of the embedding.
  public var dimension: Int { offset.shape.elementCount }

  /// The kernel size of the filters, in pixels.
  public static let kernelSize = 3
  /// Filters, before the other sign is counted.
  public static let filterCount = 256
  /// What a product must exceed to count, in deviations of the products.
  public static let threshold: Float = 0.5
  /// What is added under the root, so that a feature that is 0 everywhere has a root of which nothing is infinite.
  static let epsilon: Float = 1e-6
}

extension EmbeddingHead {
  /// The names of the variables of the filters.
  static let (filtersName, filterBiasName) = ("head.filters.weight", "head.filters.bias")
  /// The name of the variable of what is added to the sum.
  static let offsetName = "head.offset"
  /// What the names of its tensors begin with in a model file.
  static let prefix = "head."

  static func weightName(_ block: String) -> String { prefix + block + weightSuffix }

  /// The block whose map has a name; the name itself where it is none's.
  private static func blockName(_ weight: String) -> String {
    guard weight.hasPrefix(prefix), weight.hasSuffix(weightSuffix) else { return weight }
    return String(weight.dropFirst(prefix.count).dropLast(weightSuffix.count))
  }

  private static let weightSuffix = ".weight"

  /// All tensors, as they stand in a model file.
  public var tensors: [NamedTensor] { [filters, filterBias] + weights + [offset] }

  /// A head of its tensors; nil where some are missing, are left over, or do not fit an encoder with so many channels in its
  /// stages, for pictures of `side` pixels and `channels`.
  init?(_ tensors: [NamedTensor], stageChannels: [Int], side: Int, channels: Int) {
    let named = Dictionary(tensors.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    guard let filters = named[Self.filtersName], let bias = named[Self.filterBiasName],
      let offset = named[Self.offsetName], bias.shape.dimensions.count == 1,
      offset.shape.dimensions.count == 1
    else { return nil }
    let others = Set(named.keys).subtracting([filters.name, bias.name, offset.name])
    let stages = stageChannels.count
    let mapped = Set(others.map(Self.blockName))
    guard let blocks = FeatureBlocks(named: mapped, stages: stages),
      !blocks.hasHalfScale || FeatureBlocks.hasHalfScale(side: side)
    else { return nil }
    let (count, dimension) = (bias.values.count, offset.values.count)
    let weights = blocks.names.compactMap { named[Self.weightName($0)] }
    let widths = blocks.widths(stageChannels: stageChannels, filters: count)
    guard filters.shape == [count, channels, Self.kernelSize, Self.kernelSize], dimension > 0,
      weights.map(\.shape) == widths.map({ [dimension, $0] })
    else { return nil }
    self.init(
      filters: filters, filterBias: bias, blocks: blocks, weights: weights, offset: offset)
  }

  /// A head of filters and a fitted map of `blocks`, whose order `weights` have.
  public init(
    filters: NamedTensor, filterBias: NamedTensor, blocks: FeatureBlocks,
    weights: [(values: [Float], width: Int)], offset: [Float]
  ) {
    self.filters = filters
    self.filterBias = filterBias
    self.blocks = blocks
    self.weights = zip(blocks.names, weights).map { name, block in
      NamedTensor(
        name: Self.weightName(name), shape: [offset.count, block.width], values: block.values)
    }
    self.offset = NamedTensor(name: Self.offsetName, shape: [offset.count], values: offset)
  }
}

extension EmbeddingHead {
  /// Records the features of a picture: for each of the blocks the square roots, `[N, width]`.
  ///
  /// - Parameters:
  ///   - blocks: Which features.
  ///   - stageMeans: The means of the encoder's feature maps over their positions, each `[N, Cᵢ]`.
  ///   - parts: The quadrants of the pictures, and at half the size where there are blocks of that.
  ///   - filterShape: `[2K, C, k, k]`.
  /// - Returns: The blocks in their order.
  static func recordFeatures(
    _ blocks: FeatureBlocks, stageMeans: [Tensor], parts: PictureParts, filterShape: Shape
  ) -> [(name: String, features: Tensor)] {
    let recorder = parts.recorder
    let filters = recorder.variable(filtersName, filterShape)
    let bias = recorder.variable(filterBiasName, [filterShape[0]])
    func patchMeans(_ quadrants: [Tensor]) -> [Tensor] {
      guard !quadrants.isEmpty else { return [] }
      // One quadrant after the other, so that the products of one are in memory: they take a hundred times what it does.
      let means = quadrants.map {
        $0.convolved(with: filters, bias: bias, stride: 1, padding: 0, relu: true)
          .globalAveragePooled()
      }
      // The whole is the mean of its quarters, but for the positions whose kernel lies in two of them.
      let whole = means.dropFirst().reduce(means[0], +) * (1 / Float(means.count))
      return blocks.hasQuadrants ? [whole] + means : [whole]
    }
    let means = stageMeans + patchMeans(parts.quadrants) + patchMeans(parts.halfQuadrants)
    return zip(blocks.names, means).map { name, mean in
      (name, (mean + epsilon).squareRoot())
    }
  }

  /// Records the embedding `[N, dimension]` of the features that `recordFeatures` recorded.
  func record(_ features: [(name: String, features: Tensor)]) -> Tensor {
    let products = zip(features, weights).map { block, weight in
      block.features.multiplied(
        by: block.features.recorder.variable(weight.name, weight.shape), transposeSecond: true)
    }
    let sum = products.dropFirst().reduce(products[0], +)
    return sum.adding(bias: sum.recorder.variable(offset.name, offset.shape))
  }
}

/// The inputs that features of patches are recorded on.
struct PictureParts {
  let recorder: Recorder
  /// The quadrants of the pictures, each `[N, C, S/2, S/2]`.
  let quadrants: [Tensor]
  /// The same at half the size, each `[N, C, S/4, S/4]`; none where no block is of that.
  let halfQuadrants: [Tensor]

  /// The names of the inputs.
  static let quadrantNames = FeatureBlocks.quadrantNames
  static let halfQuadrantNames = quadrantNames.map(FeatureBlocks.halfName)

  /// Records the inputs for pictures of `side` pixels in batches of N.
  init(_ blocks: FeatureBlocks, batchSize: Int, side: Int, channels: Int, in recorder: Recorder) {
    func inputs(_ names: [String], _ side: Int) -> [Tensor] {
      names.map { recorder.input($0, [batchSize, channels, side, side]) }
    }
    self.recorder = recorder
    quadrants = inputs(Self.quadrantNames, FeatureBlocks.quadrantSide(side))
    halfQuadrants =
      blocks.hasHalfScale
      ? inputs(Self.halfQuadrantNames, FeatureBlocks.halfSide(side)) : []
  }
}
