import NeuralNetworks
import TensorGraph
public import Tensors

/// What turns a trained encoder's feature maps, beside features that need no training, into an embedding.
///
/// The features of a picture, each a mean over positions of a rectified map, are those of each stage of the encoder, and of
/// convolutions with whitened patches of the training pictures, over the whole picture and over its four quadrants. The
/// embedding is a linear map of their square roots, fitted without labels: principal components, whitened. A network that
/// was trained for minutes keeps little of what a picture's texture and colours say; these features keep it.
public struct EmbeddingHead: Sendable, Equatable {
  /// The filters of whitened patches, `[2K, C, k, k]`: K filters, and the same with the other sign.
  public var filters: NamedTensor
  /// What is added to the products with the filters before they are rectified, `[2K]`.
  public var filterBias: NamedTensor
  /// For each block of features the map `[dimension, width]`, in the order of ``blockNames(stages:)``.
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
  /// The quadrants of a picture.
  static let quadrants = 4

  /// The names of the blocks of features: `stage1`…, `patches`, `quadrant1`….
  public static func blockNames(stages: Int) -> [String] {
    (1...stages).map { "stage\($0)" } + ["patches"] + (1...quadrants).map { "quadrant\($0)" }
  }

  /// The side of the quadrants of a picture of `side` pixels. Where the side is odd, they leave out its middle.
  static func quadrantSide(_ side: Int) -> Int { side / 2 }

  /// The upper left corner of each quadrant: upper left, upper right, lower left, lower right.
  static func quadrantCorners(_ side: Int) -> [(top: Int, left: Int)] {
    let far = side - quadrantSide(side)
    return [(0, 0), (0, far), (far, 0), (far, far)]
  }

  /// The variance that each block brings to the fit, as a multiple of the others'.
  ///
  /// Measured on hold-outs of the training pictures of EuroSAT and CIFAR-10 (decision 0026): the stages of a network of
  /// minutes help at a quarter of the patches' weight, and do harm at several times it. Where something is in the picture
  /// means nothing if the pictures have no upright: the quadrants then bring noise.
  public static func blockWeight(_ name: String, hasUpright: Bool) -> Double {
    if name.hasPrefix("stage") { return 0.25 }
    guard name.hasPrefix("quadrant") else { return 1 }
    // The four quadrants together weigh as much as the whole picture does.
    return hasUpright ? 1 / Double(quadrants) : 0
  }
}

extension EmbeddingHead {
  /// The names of the variables of the filters.
  static let (filtersName, filterBiasName) = ("head.filters.weight", "head.filters.bias")
  /// The name of the variable of what is added to the sum.
  static let offsetName = "head.offset"
  /// What the names of its tensors begin with in a model file.
  static let prefix = "head."

  static func weightName(_ block: String) -> String { "head.\(block).weight" }

  /// All tensors, as they stand in a model file.
  public var tensors: [NamedTensor] { [filters, filterBias] + weights + [offset] }

  /// A head of its tensors; nil where some are missing or do not fit an encoder with so many channels in its stages, for
  /// pictures of `channels`.
  init?(_ tensors: [NamedTensor], stageChannels: [Int], channels: Int) {
    let named = Dictionary(tensors.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    guard let filters = named[Self.filtersName], let bias = named[Self.filterBiasName],
      let offset = named[Self.offsetName], bias.shape.dimensions.count == 1,
      offset.shape.dimensions.count == 1
    else { return nil }
    let (count, dimension) = (bias.values.count, offset.values.count)
    let names = Self.blockNames(stages: stageChannels.count)
    let weights = names.compactMap { named[Self.weightName($0)] }
    let widths = stageChannels + Array(repeating: count, count: 1 + Self.quadrants)
    guard filters.shape == [count, channels, Self.kernelSize, Self.kernelSize], dimension > 0,
      weights.map(\.shape) == widths.map({ [dimension, $0] })
    else { return nil }
    self.init(filters: filters, filterBias: bias, weights: weights, offset: offset)
  }

  /// A head of filters and a fitted map. `weights` are for the blocks in the order of `blockNames`.
  public init(
    filters: NamedTensor, filterBias: NamedTensor, weights: [(values: [Float], width: Int)],
    offset: [Float], stages: Int
  ) {
    self.filters = filters
    self.filterBias = filterBias
    self.weights = zip(Self.blockNames(stages: stages), weights).map { name, block in
      NamedTensor(
        name: Self.weightName(name), shape: [offset.count, block.width], values: block.values)
    }
    self.offset = NamedTensor(name: Self.offsetName, shape: [offset.count], values: offset)
  }
}

extension EmbeddingHead {
  /// Records the features of a picture: for each block the square roots, `[N, width]`.
  ///
  /// - Parameters:
  ///   - stageMeans: The means of the encoder's feature maps over their positions, each `[N, Cᵢ]`.
  ///   - quadrants: The quadrants of the pictures, `[4N, C, S/2, S/2]`: first the upper left ones of all pictures.
  ///   - filterShape: `[2K, C, k, k]`.
  /// - Returns: the blocks in the order of `blockNames`.
  static func recordFeatures(
    stageMeans: [Tensor], quadrants: Tensor, filterShape: Shape
  ) -> [(name: String, features: Tensor)] {
    let recorder = quadrants.recorder
    let filters = recorder.variable(filtersName, filterShape)
    let bias = recorder.variable(filterBiasName, [filterShape[0]])
    let quarters = quadrants.convolved(with: filters, bias: bias, stride: 1, padding: 0, relu: true)
      .globalAveragePooled()
    let count = quarters.shape[0] / Self.quadrants
    let parts = (0..<Self.quadrants).map { quarters.rows($0 * count..<($0 + 1) * count) }
    // The whole is the mean of its quarters, but for the positions whose kernel lies in two of them.
    let whole = parts.dropFirst().reduce(parts[0], +) * (1 / Float(Self.quadrants))
    let means = stageMeans + [whole] + parts
    return zip(blockNames(stages: stageMeans.count), means).map { name, mean in
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

  /// The quadrants of pictures `[N, side, side, channels]`, as `recordFeatures` takes them but channels last.
  static func quadrants(of pictures: [Float], side: Int, channels: Int) -> [Float] {
    let (half, row) = (quadrantSide(side), side * channels)
    let count = pictures.count / (side * row)
    var result: [Float] = []
    result.reserveCapacity(count * quadrants * half * half * channels)
    for (top, left) in quadrantCorners(side) {
      for picture in 0..<count {
        for y in top..<top + half {
          let first = (picture * side + y) * row + left * channels
          result += pictures[first..<first + half * channels]
        }
      }
    }
    return result
  }
}
