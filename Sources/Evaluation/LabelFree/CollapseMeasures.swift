public import Tensors

/// How far a set of vectors is spread: numbers by which a collapsed encoder shows, where the loss does not.
public struct CollapseMeasures: Sendable, Hashable, Codable {
  /// N, the vectors measured.
  public var count: Int
  /// D.
  public var dimension: Int
  /// The mean over dimensions of the standard deviation of the l2-normalised vectors: 1/√D when they
  /// point in all directions, 0 when they are one.
  public var deviation: Double
  /// RankMe (Garrido et al. 2023): the exponential of the entropy of the singular values, 1…min(N, D).
  public var effectiveRank: Double
  /// The mean cosine of two different vectors, −1…1.
  public var meanCosine: Double

  /// The deviation of vectors that point in all directions, 1/√D.
  public var healthyDeviation: Double { 1 / Double(dimension).squareRoot() }
  /// `deviation` over `healthyDeviation`, 0…1 or a little more.
  public var spread: Double { deviation / healthyDeviation }
  /// `effectiveRank` over the most it can be, min(N, D); 0…1.
  public var relativeRank: Double { effectiveRank / Double(min(count, dimension)) }

  /// Measures given by hand.
  public init(
    count: Int, dimension: Int, deviation: Double, effectiveRank: Double, meanCosine: Double
  ) {
    (self.count, self.dimension, self.deviation) = (count, dimension, deviation)
    (self.effectiveRank, self.meanCosine) = (effectiveRank, meanCosine)
  }

  /// Measures the vectors `[N, D]`, row-major; at least two.
  ///
  /// The effective rank takes min(N, D)³ operations: pass a sample of at most about 1,000 rows.
  ///
  /// - Throws: `tooFewPictures`, `sizeMismatch` or `notFinite`.
  public init(of vectors: [Float], dimension: Int, threads: ThreadBudget) throws(EvaluationError) {
    let count = try LabelFree.rows(vectors, dimension, atLeast: 2)
    let moments = UnitMoments(l2Normalized(vectors, dimension: dimension), dimension: dimension)
    self.init(
      count: count, dimension: dimension, deviation: moments.meanDeviation,
      effectiveRank: try LabelFree.rankMe(of: vectors, dimension: dimension, threads: threads),
      meanCosine: moments.meanCosine)
  }
}

/// Sums over unit vectors.
struct UnitMoments {
  var meanDeviation: Double
  var meanCosine: Double

  init(_ unit: [Float], dimension: Int) {
    let count = Double(unit.count / dimension)
    var mean = [Double](repeating: 0, count: dimension)
    var norms = 0.0
    for (i, value) in unit.enumerated() {
      mean[i % dimension] += Double(value) / count
      norms += Double(value) * Double(value)
    }
    var squares = [Double](repeating: 0, count: dimension)
    for (i, value) in unit.enumerated() {
      let difference = Double(value) - mean[i % dimension]
      squares[i % dimension] += difference * difference
    }
    let deviations = squares.reduce(0.0) { $0 + ($1 / (count - 1)).squareRoot() }
    meanDeviation = deviations / Double(dimension)
    let squaredSum = mean.reduce(0.0) { $0 + $1 * $1 } * count * count
    meanCosine = (squaredSum - norms) / (count * (count - 1))
  }
}
