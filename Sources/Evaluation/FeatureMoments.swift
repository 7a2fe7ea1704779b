public import Tensors

/// The first and second moments of blocks of features, taken up some pictures at a time: what a projection is fitted to
/// where there are more pictures than features, so that memory follows the features and not the pictures.
public struct FeatureMoments: Sendable {
  /// Features of each block.
  let widths: [Int]
  /// Pictures that were taken up.
  public private(set) var count = 0
  private let threads: ThreadBudget
  /// The mean of the first pictures. It is taken off before anything is summed: the sums of squares then stay near the
  /// variances, and their difference loses no digits.
  private var shift: [Double] = []
  /// Sums of what is left, and of its products, `[width, width]` of all blocks together.
  private var sums, products: [Double]

  /// No pictures yet.
  public init(widths: [Int], threads: ThreadBudget) {
    (self.widths, self.threads) = (widths, threads)
    let width = widths.reduce(0, +)
    sums = Array(repeating: 0, count: width)
    products = Array(repeating: 0, count: width * width)
  }

  /// Takes up the features of some pictures: for each block `[pictures, width]`, row-major.
  ///
  /// - Throws: `notFinite` with the picture's number, counted from the first that was ever taken up; nothing is taken up.
  public mutating func add(_ blocks: [[Float]]) throws(EvaluationError) {
    precondition(blocks.count == widths.count && !widths.isEmpty)
    let rows = blocks[0].count / widths[0]
    guard rows > 0 else { return }
    // One row for each feature, since the product is of features with features.
    var columns = [Double](repeating: 0, count: sums.count * rows)
    var first = 0
    for (block, width) in zip(blocks, widths) {
      precondition(block.count == rows * width)
      for row in 0..<rows {
        for feature in 0..<width {
          let value = block[row * width + feature]
          guard value.isFinite else { throw .notFinite(row: count + row) }
          columns[(first + feature) * rows + row] = Double(value)
        }
      }
      first += width
    }
    if count == 0 {
      shift = sums.indices.map { feature in
        columns[feature * rows..<(feature + 1) * rows].reduce(0, +) / Double(rows)
      }
    }
    for feature in sums.indices {
      for index in feature * rows..<(feature + 1) * rows {
        columns[index] -= shift[feature]
        sums[feature] += columns[index]
      }
    }
    DenseAlgebra(threads: threads).addGram(
      columns, rows: sums.count, columns: rows, to: &products)
    count += rows
  }

  /// The means of all features, and their covariances `[width, width]`. The moments are used up, so that the covariances, which
  /// may take hundreds of megabytes, have their place.
  consuming func moments() -> (mean: [Double], covariance: [Double]) {
    let (width, rows) = (sums.count, Double(max(1, count)))
    let left = sums.map { $0 / rows }
    for row in 0..<width {
      for column in 0..<width {
        let index = row * width + column
        products[index] = products[index] / rows - left[row] * left[column]
      }
    }
    return (zip(shift, left).map { $0 + $1 }, products)
  }
}
