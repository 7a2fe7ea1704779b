public import Tensors

/// A linear map, fitted without labels, from blocks of features to one vector: principal components of all blocks
/// together, each divided by its deviation (PCA whitening).
///
/// Features of one picture that vary much, such as brightness, drown what tells pictures apart; whitening gives every
/// component of the result the same variance. Blocks are scaled first, so that each brings the variance of its weight,
/// however many features it has.
public struct WhitenedProjection: Sendable, Equatable {
  /// For each block a matrix `[dimension, width]`, row-major.
  public var weights: [[Float]]
  /// What is added to the sum of the products, `[dimension]`.
  public var offset: [Float]
  /// Components of the result.
  public var dimension: Int { offset.count }

  /// The share of the components' mean variance that is added to every variance: what has next to none is noise, and is not
  /// blown up to the size of the rest.
  public static let shrinkage = 0.01

  /// The most features whose components are computed to the last digit from moments. With more it would take longer than the
  /// features themselves, half a minute for 5,360.
  public static let exactWidth = 3072

  /// Features of the fitted pictures.
  public struct Block: Sendable {
    /// `[pictures, width]`, row-major.
    public var features: [Float]
    /// Features of a picture.
    public var width: Int
    /// The variance that the block brings, as a multiple of the others'.
    public var weight: Double

    /// A block of features.
    public init(features: [Float], width: Int, weight: Double) {
      self.features = features
      self.width = width
      self.weight = weight
    }
  }

  /// Fits the map to the features of some pictures.
  ///
  /// - Parameters:
  ///   - blocks: Features of the same pictures, in the same order; at least one.
  ///   - dimension: Components of the result. Where the features vary in fewer directions, the last components are 0.
  ///   - threads: Threads of the products.
  /// - Throws: `tooFewPictures` where fewer than three pictures differ, `notFinite` with the picture's number.
  public init(
    fittedTo blocks: [Block], dimension: Int, threads: ThreadBudget
  ) throws(EvaluationError) {
    guard let first = blocks.first else { preconditionFailure("A projection of no features.") }
    let rows = first.features.count / first.width
    let centred = try blocks.map { block throws(EvaluationError) in
      try CentredBlock(block, rows: rows)
    }
    // The principal components in the space of the pictures: there are fewer pictures than features.
    let algebra = DenseAlgebra(threads: threads)
    var gram = [Double](repeating: 0, count: rows * rows)
    for block in centred {
      algebra.addGram(block.values, rows: rows, columns: block.width, to: &gram)
    }
    let (values, vectors) = algebra.largestEigen(
      gram, size: rows, count: min(dimension, max(1, rows - 1)))
    let (kept, mean) = try Self.kept(values, rows: rows)
    // Row k is uₖ / √(λₖ·(λₖ + shrinkage)), times √rows: of the greatest component first.
    var scaled: [Double] = []
    for index in kept {
      let factor =
        (Double(rows) / (values[index] * (values[index] + Self.shrinkage * mean))).squareRoot()
      scaled += vectors[index * rows..<(index + 1) * rows].map { $0 * factor }
    }
    let axes = centred.map { block in
      var weights = [Double](repeating: 0, count: kept.count * block.width)
      algebra.product(
        scaled, block.values, rows: kept.count, columns: block.width, inner: rows, into: &weights)
      return weights.map { $0 * block.scale }
    }
    self.init(axes: axes, means: centred.map(\.mean), count: kept.count, dimension: dimension)
  }

  /// Fits the map to the moments of features, each block of which brings the variance of its weight.
  ///
  /// The same map as that of the pictures themselves, but for rounding and the components' signs. Of more than
  /// ``exactWidth`` features the last components are approximate.
  ///
  /// - Throws: `tooFewPictures` where fewer than three pictures differ.
  public init(
    fittedTo features: consuming FeatureMoments, weights: [Double], dimension: Int,
    threads: ThreadBudget
  ) throws(EvaluationError) {
    let (widths, rows) = (features.widths, features.count)
    precondition(weights.count == widths.count && !weights.isEmpty)
    var (means, covariance) = features.moments()
    let width = means.count
    var scales: [Double] = []
    for (weight, part) in zip(weights, widths) {
      let places = scales.count..<scales.count + part
      let variance = places.reduce(0) { $0 + covariance[$1 * width + $1] }
      scales += Array(repeating: blockScale(of: weight, from: variance), count: part)
    }
    for row in 0..<width {
      for column in 0..<width { covariance[row * width + column] *= scales[row] * scales[column] }
    }
    let (algebra, count) = (DenseAlgebra(threads: threads), min(dimension, width, max(1, rows - 1)))
    let (values, vectors) =
      width > Self.exactWidth && count <= width / 2
      ? algebra.leadingEigen(covariance, size: width, count: count)
      : algebra.largestEigen(covariance, size: width, count: count)
    let (kept, mean) = try Self.kept(values, rows: rows)
    // Row k is vₖ / √(λₖ + shrinkage): the axes in the space of the features.
    let factors = kept.map { 1 / (values[$0] + Self.shrinkage * mean).squareRoot() }
    var (axes, parts, first) = ([[Double]](), [[Double]](), 0)
    for part in widths {
      axes.append(
        zip(kept, factors).flatMap { index, factor in
          (first..<first + part).map { vectors[index * width + $0] * scales[$0] * factor }
        })
      parts.append(Array(means[first..<first + part]))
      first += part
    }
    self.init(axes: axes, means: parts, count: kept.count, dimension: dimension)
  }

  /// Which of the variances, ascending, are components, of the greatest first, and the mean of theirs. Directions whose
  /// variance is rounding are left out.
  private static func kept(
    _ values: [Double], rows: Int
  ) throws(EvaluationError) -> (places: [Int], mean: Double) {
    let kept = values.indices.reversed().filter {
      values[$0] > 1e-9 * max(values.last ?? 0, .leastNormalMagnitude)
    }
    guard rows > 2, let greatest = values.last, greatest > 0, !kept.isEmpty else {
      throw .tooFewPictures(
        "An embedding is fitted to at least three training pictures that differ. Add other pictures, or choose the "
          + "embedding representation.")
    }
    return (kept, kept.reduce(0) { $0 + values[$1] } / Double(kept.count))
  }

  /// A map of `count` axes, for each block `[count, width]`, and of as many zeros as are missing to `dimension`.
  private init(axes: [[Double]], means: [[Double]], count: Int, dimension: Int) {
    var offset = [Double](repeating: 0, count: dimension)
    for (weights, mean) in zip(axes, means) {
      for row in 0..<count {
        for column in mean.indices {
          offset[row] -= weights[row * mean.count + column] * mean[column]
        }
      }
    }
    weights = zip(axes, means).map { weights, mean in
      weights.map(Float.init) + [Float](repeating: 0, count: (dimension - count) * mean.count)
    }
    self.offset = offset.map(Float.init)
  }
}

extension WhitenedProjection {
  /// The vectors `[N, dimension]` of features `[N, width]`, by a projection that was fitted to one block.
  public func callAsFunction(
    _ features: [Float], width: Int, threads: ThreadBudget
  ) -> [Float] {
    precondition(weights.count == 1 && weights[0].count == dimension * width)
    let rows = features.count / width
    var vectors: [Float] = []
    DenseAlgebra(threads: threads).product(
      features, rows: 0..<rows, transposing: weights[0], columns: dimension, inner: width,
      into: &vectors)
    for index in vectors.indices { vectors[index] += offset[index % dimension] }
    return vectors
  }
}

/// What a block is multiplied by so that its variance becomes its weight; a block that does not vary becomes 0.
private func blockScale(of weight: Double, from variance: Double) -> Double {
  variance > 0 ? (weight / variance).squareRoot() : 0
}

/// A block without its means, scaled so that its variance is its weight.
private struct CentredBlock {
  let values: [Double]
  let mean: [Double]
  let scale: Double
  let width: Int

  init(_ block: WhitenedProjection.Block, rows: Int) throws(EvaluationError) {
    precondition(block.width > 0 && block.features.count == rows * block.width)
    if let index = block.features.firstIndex(where: { !$0.isFinite }) {
      throw .notFinite(row: index / block.width)
    }
    width = block.width
    var sums = [Double](repeating: 0, count: block.width)
    for row in 0..<rows {
      for column in 0..<block.width {
        sums[column] += Double(block.features[row * block.width + column])
      }
    }
    let mean = sums.map { $0 / Double(max(1, rows)) }
    var values = [Double](repeating: 0, count: block.features.count)
    var total = 0.0
    for row in 0..<rows {
      for column in 0..<block.width {
        let index = row * block.width + column
        values[index] = Double(block.features[index]) - mean[column]
        total += values[index] * values[index]
      }
    }
    let variance = total / Double(max(1, rows))
    let scale = blockScale(of: block.weight, from: variance)
    for index in values.indices { values[index] *= scale }
    (self.mean, self.values, self.scale) = (mean, values, scale)
  }
}
