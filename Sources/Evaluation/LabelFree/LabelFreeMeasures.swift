internal import Glibc
public import Tensors

/// Measures of an encoder that need no label, over vectors `[N, dimension]`, row-major.
public enum LabelFree {
  /// RankMe (Garrido et al. 2023, arXiv 2210.02885): the exponential of the entropy of the singular values, 1…min(N, D).
  ///
  /// The vectors are neither centred nor normalised; all of them 0 gives 1. Costs N·D·min(N, D) + min(N, D)³
  /// operations. Between different losses it says little: whitening raises it whether or not the classes part.
  ///
  /// - Throws: `tooFewPictures`, `sizeMismatch` or `notFinite`.
  public static func rankMe(of vectors: [Float], dimension: Int, threads: ThreadBudget)
    throws(EvaluationError) -> Double
  {
    let count = try rows(vectors, dimension, atLeast: 2)
    let squares = DenseAlgebra(threads: threads).squaredSingularValues(
      vectors.map(Double.init), rows: count, columns: dimension)
    return exponentialEntropy(squares.map { $0.squareRoot() })
  }

  /// LiDAR (Thilak et al. 2024, arXiv 2312.04000): the rank of what tells pictures apart, in units of what tells views of a
  /// picture apart; 1…min(N − 1, D).
  ///
  /// `views` are `[N, viewsPerPicture, dimension]` of N pictures. With picture means m, the mean of those M,
  /// Σb = Σ (m − M)(m − M)ᵀ / (N − 1) and Σw = Σ (v − m)(v − m)ᵀ / (N·(viewsPerPicture − 1)) + 1e-4·1, it is the
  /// exponential of the entropy of the eigenvalues of Σw^(−1/2)·Σb·Σw^(−1/2). Costs about N·V·D² + 10·D³ operations.
  ///
  /// - Throws: `tooFewPictures` for fewer than two pictures or views, `sizeMismatch`, `notFinite`.
  public static func lidar(
    of views: [Float], dimension: Int, viewsPerPicture: Int, threads: ThreadBudget
  ) throws(EvaluationError) -> Double {
    let count = try rows(views, dimension, atLeast: 2)
    guard viewsPerPicture >= 2, count % viewsPerPicture == 0 else {
      throw .sizeMismatch("\(count) vectors are not pictures with \(viewsPerPicture) views each.")
    }
    let pictures = count / viewsPerPicture
    guard pictures >= 2 else { throw .tooFewPictures("LiDAR needs at least two pictures.") }
    let scatter = Scatter(views, dimension: dimension, viewsPerPicture: viewsPerPicture)
    let algebra = DenseAlgebra(threads: threads)
    var within = [Double](repeating: 0, count: dimension * dimension)
    algebra.product(
      scatter.deviations, transposed: true, scatter.deviations, rows: dimension,
      columns: dimension, inner: count, into: &within)
    let share = 1 / Double(pictures * (viewsPerPicture - 1))
    for i in within.indices { within[i] *= share }
    for i in 0..<dimension { within[i * dimension + i] += 1e-4 }
    // The singular values of Λ^(−1/2)·V·(m − M) are those of Σw^(−1/2)·(m − M), which differs by a rotation.
    var (values, axes) = algebra.symmetricEigen(within, size: dimension)
    for row in 0..<dimension {
      let factor = 1 / max(values[row], 1e-5).squareRoot()
      values[row] = factor
      for i in 0..<dimension { axes[row * dimension + i] *= factor }
    }
    var whitened = [Double](repeating: 0, count: dimension * pictures)
    algebra.product(
      axes, transposed(scatter.means, columns: dimension), rows: dimension, columns: pictures,
      inner: dimension, into: &whitened)
    return exponentialEntropy(
      algebra.squaredSingularValues(whitened, rows: dimension, columns: pictures))
  }

  /// Recall@1 of view retrieval: how often the second view nearest by cosine to a first view is of the same picture, 0…1.
  ///
  /// `first` and `second` are `[N, dimension]`, a picture's views in the same row of both. Of equally near ones the first
  /// row counts, so that vectors that are all the same reach 1/N. Costs N²·D multiplications.
  ///
  /// - Throws: `tooFewPictures`, `sizeMismatch` or `notFinite`.
  public static func viewRecall(
    first: [Float], second: [Float], dimension: Int, threads: ThreadBudget
  ) throws(EvaluationError) -> Double {
    let count = try rows(first, dimension, atLeast: 2)
    guard try rows(second, dimension, atLeast: 2) == count else {
      throw .sizeMismatch(
        "There are \(first.count) values of first and \(second.count) of second views.")
    }
    let queries = l2Normalized(first, dimension: dimension)
    let references = l2Normalized(second, dimension: dimension)
    let algebra = DenseAlgebra(threads: threads)
    var (cosines, right): ([Float], Int) = ([], 0)
    for start in stride(from: 0, to: count, by: 256) {
      let block = start..<min(start + 256, count)
      algebra.product(
        queries, rows: block, transposing: references, columns: count, inner: dimension,
        into: &cosines)
      for row in 0..<block.count {
        let nearest = NearestNeighbours(1, among: cosines, row: row, of: count).prefix(1)
        if nearest.first?.index == start + row { right += 1 }
      }
    }
    return Double(right) / Double(count)
  }

  /// The mean cosine of two different vectors, −1…1; a vector of 0 has the cosine 0 to all.
  ///
  /// - Throws: `tooFewPictures`, `sizeMismatch` or `notFinite`.
  public static func meanCosine(of vectors: [Float], dimension: Int) throws(EvaluationError)
    -> Double
  {
    _ = try rows(vectors, dimension, atLeast: 2)
    return UnitMoments(l2Normalized(vectors, dimension: dimension), dimension: dimension).meanCosine
  }

  /// The number of vectors, after a check of every value.
  static func rows(_ vectors: [Float], _ dimension: Int, atLeast least: Int)
    throws(EvaluationError) -> Int
  {
    guard dimension > 0, vectors.count % dimension == 0 else {
      throw .sizeMismatch("\(vectors.count) values are not vectors of \(dimension).")
    }
    let count = vectors.count / dimension
    guard count >= least else {
      throw .tooFewPictures("\(count) vectors are too few to measure; \(least) are needed.")
    }
    if let index = vectors.firstIndex(where: { !$0.isFinite }) {
      throw .notFinite(row: index / dimension)
    }
    return count
  }

  /// exp(−Σ p·log p) of values of 0 and more, p their shares; 1 where all are 0.
  private static func exponentialEntropy(_ values: [Double]) -> Double {
    let total = values.reduce(0, +)
    guard total > 0 else { return 1 }
    let entropy = values.reduce(0.0) { sum, value in
      let p = value / total
      return p > 0 ? sum - p * log(p) : sum
    }
    return exp(entropy)
  }

  private static func transposed(_ matrix: [Double], columns: Int) -> [Double] {
    let rows = matrix.count / columns
    var result = matrix
    for row in 0..<rows {
      for column in 0..<columns { result[column * rows + row] = matrix[row * columns + column] }
    }
    return result
  }
}

/// What is between pictures and what is within them.
private struct Scatter {
  /// `[N, D]`: each picture's mean, without the mean of those.
  var means: [Double]
  /// `[N·V, D]`: each view without its picture's mean.
  var deviations: [Double]

  init(_ views: [Float], dimension: Int, viewsPerPicture: Int) {
    deviations = views.map(Double.init)
    let pictures = views.count / dimension / viewsPerPicture
    means = [Double](repeating: 0, count: pictures * dimension)
    var middle = [Double](repeating: 0, count: dimension)
    for picture in 0..<pictures {
      let rows = (picture * viewsPerPicture)..<((picture + 1) * viewsPerPicture)
      for column in 0..<dimension {
        var sum = 0.0
        for row in rows { sum += deviations[row * dimension + column] }
        let mean = sum / Double(viewsPerPicture)
        for row in rows { deviations[row * dimension + column] -= mean }
        means[picture * dimension + column] = mean
        middle[column] += mean / Double(pictures)
      }
    }
    for i in means.indices { means[i] -= middle[i % dimension] }
  }
}
