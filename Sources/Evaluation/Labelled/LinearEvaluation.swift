internal import Glibc
internal import Synchronization
public import Tensors
internal import Threads

/// A linear probe of a frozen encoder: multinomial logistic regression on its representations, minimised
/// by L-BFGS as in the paper's transfer experiments (Grill et al. 2020, appendix D).
///
/// Features are standardised by the training set's mean and deviation. The objective is the mean cross
/// entropy plus λ/2·‖W‖², without the biases.
public struct LinearEvaluation: Sendable {
  /// What the probe reached.
  public struct Result: Sendable, Hashable, Codable {
    /// How often it was right on the test set.
    public var accuracy: ClassificationAccuracy
    /// λ, the strength of the regularisation used.
    public var regularisation: Double
    /// The objective on the training set.
    public var objective: Double
  }

  /// The paper's 45 strengths, 1e-6…1e5, evenly spaced in the logarithm.
  public static let paperRegularisations = (0..<45).map { pow(10, -6 + 11 * Double($0) / 44) }

  /// The strengths λ to choose from, by the accuracy on every tenth training row; each above 0.
  public var regularisations: [Double]
  /// Threads of the matrix products.
  public var threads: ThreadBudget

  /// A probe; by default it chooses between strengths a factor of 10 apart.
  public init(
    regularisations: [Double] = [1, 0.1, 0.01, 1e-3, 1e-4, 1e-5], threads: ThreadBudget
  ) {
    precondition(!regularisations.isEmpty && regularisations.allSatisfy { $0 > 0 })
    self.regularisations = regularisations
    self.threads = threads
  }

  /// Trains on `train`, measures on `test`.
  ///
  /// - Throws: `sizeMismatch`; `tooFewPictures` if `train` has only one class.
  public func evaluate(train: LabelledEmbeddings, test: LabelledEmbeddings) throws(EvaluationError)
    -> Result
  {
    try train.requireSameSpace(as: test)
    guard Set(train.labels).count > 1 else {
      throw .tooFewPictures("A linear probe needs training pictures of at least two classes.")
    }
    let scaler = Scaler(train)
    let all = Problem(
      scaler.apply(train), train.labels, train.classCount, threads)
    let strength = regularisations.count == 1 ? regularisations[0] : choose(all)
    let (weights, objective) = all.minimize(strength)
    let predicted = all.predictions(scaler.apply(test), weights)
    return Result(
      accuracy: ClassificationAccuracy(
        predicted: predicted, labels: test.labels, classCount: test.classCount),
      regularisation: strength, objective: objective)
  }

  /// The strength of the best accuracy on every tenth row, from strong to weak; of equals the strongest.
  private func choose(_ problem: Problem) -> Double {
    let (fitted, held) = problem.split(every: 10)
    var best = (strength: regularisations[0], right: -1)
    var weights: [Double]?
    for strength in regularisations.sorted(by: >) {
      // An accuracy on a tenth of the rows needs no more digits.
      let found = fitted.minimize(
        strength, from: weights, by: LBFGS(maximumSteps: 100, gradientTolerance: 1e-4)
      ).weights
      weights = found
      let predicted = fitted.predictions(held.features, found)
      let right = zip(predicted, held.labels).count { $0 == $1 }
      if right > best.right { best = (strength, right) }
    }
    return best.strength
  }
}

/// Shifts and scales columns to mean 0 and deviation 1; a constant column becomes 0.
private struct Scaler {
  var mean: [Double]
  var scale: [Double]

  init(_ set: LabelledEmbeddings) {
    let (dimension, count) = (set.dimension, Double(set.count))
    var mean = [Double](repeating: 0, count: dimension)
    for (i, value) in set.values.enumerated() { mean[i % dimension] += Double(value) / count }
    var variance = [Double](repeating: 0, count: dimension)
    for (i, value) in set.values.enumerated() {
      let difference = Double(value) - mean[i % dimension]
      variance[i % dimension] += difference * difference / count
    }
    self.mean = mean
    scale = variance.map { $0 > 1e-20 ? 1 / $0.squareRoot() : 0 }
  }

  /// Standardised rows `[N, D + 1]`; the last column is 1, for the biases.
  func apply(_ set: LabelledEmbeddings) -> [Double] {
    let dimension = set.dimension
    var result = [Double](repeating: 1, count: set.count * (dimension + 1))
    for row in 0..<set.count {
      for i in 0..<dimension {
        let value = Double(set.values[row * dimension + i])
        result[row * (dimension + 1) + i] = (value - mean[i]) * scale[i]
      }
    }
    return result
  }
}

/// The regression's objective; weights are `[D + 1, classes]`, the last row the biases.
private struct Problem {
  /// Consecutive rows, multiplied by one thread at a time.
  struct Block {
    var features: [Double]
    var labels: [Int]
  }

  /// A fixed number, so that the order of the sums, and with it the bits, does not depend on the number of threads.
  private static let blockCount = 8

  let labels: [Int]
  let classCount: Int
  let columns: Int
  let threads: ThreadBudget
  private let blocks: [Block]
  /// All rows, put together.
  var features: [Double] { blocks.flatMap(\.features) }

  init(_ features: [Double], _ labels: [Int], _ classCount: Int, _ threads: ThreadBudget) {
    (self.labels, self.classCount, self.threads) = (labels, classCount, threads)
    let columns = features.count / labels.count
    self.columns = columns
    blocks = (0..<Self.blockCount).compactMap { number in
      let rows =
        labels.count * number / Self.blockCount..<labels.count * (number + 1) / Self.blockCount
      guard !rows.isEmpty else { return nil }
      return Block(
        features: Array(features[rows.lowerBound * columns..<rows.upperBound * columns]),
        labels: Array(labels[rows]))
    }
  }

  /// All rows but each `n`-th, and each `n`-th; a set too small to split stands on both sides.
  func split(every n: Int) -> (rest: Problem, held: Problem) {
    guard labels.count >= 2 * n else { return (self, self) }
    let features = features
    func part(_ isIn: (Int) -> Bool) -> Problem {
      let rows = labels.indices.filter(isIn)
      let values = rows.flatMap { features[$0 * columns..<($0 + 1) * columns] }
      return Problem(values, rows.map { labels[$0] }, classCount, threads)
    }
    return (part { $0 % n != 0 }, part { $0 % n == 0 })
  }

  /// The minimum from `start` on, or from 0.
  func minimize(_ strength: Double, from start: [Double]? = nil, by method: LBFGS = LBFGS()) -> (
    weights: [Double], objective: Double
  ) {
    var weights = start ?? [Double](repeating: 0, count: columns * classCount)
    _ = method.minimize(&weights) { objective($0, strength, gradient: &$1) }
    var gradient = weights
    return (weights, objective(weights, strength, gradient: &gradient))
  }

  func predictions(_ features: [Double], _ weights: [Double]) -> [Int] {
    let rows = features.count / columns
    var scores = [Double](repeating: 0, count: rows * classCount)
    DenseAlgebra(threads: ThreadBudget(1)).product(
      features, weights, rows: rows, columns: classCount, inner: columns, into: &scores)
    return (0..<rows).map { row in
      let first = row * classCount
      return (1..<classCount).reduce(0) { scores[first + $1] > scores[first + $0] ? $1 : $0 }
    }
  }

  private func objective(
    _ weights: [Double], _ strength: Double, gradient: inout [Double]
  ) -> Double {
    // OpenBLAS's own threads spin while they wait: on a machine that has something else to do, products as narrow as these
    // took three times as long with two of them as with one. Ours work on blocks of rows and meet once per step.
    let parts = Mutex([Part?](repeating: nil, count: blocks.count))
    let workers = min(threads.count, blocks.count)
    if workers == 1 {
      for number in blocks.indices { part(number, weights, parts) }
    } else {
      ThreadGroup(count: workers) { worker in
        for number in stride(from: worker, to: blocks.count, by: workers) {
          part(number, weights, parts)
        }
      }.join()
    }
    return sum(parts.withLock { $0.compactMap { $0 } }, weights, strength, gradient: &gradient)
  }

  /// A block's share of the mean cross entropy and of its gradient.
  private struct Part: Sendable {
    var loss = 0.0
    var gradient: [Double]
  }

  private func part(_ number: Int, _ weights: [Double], _ parts: borrowing Mutex<[Part?]>) {
    let (block, algebra) = (blocks[number], DenseAlgebra(threads: ThreadBudget(1)))
    let count = block.labels.count
    var scores = [Double](repeating: 0, count: count * classCount)
    algebra.product(
      block.features, weights, rows: count, columns: classCount, inner: columns, into: &scores)
    var part = Part(gradient: [Double](repeating: 0, count: weights.count))
    for row in 0..<count {
      part.loss += scores.replaceScoresByGradient(
        row * classCount..<(row + 1) * classCount, label: block.labels[row],
        share: 1 / Double(labels.count))
    }
    algebra.product(
      block.features, transposed: true, scores, rows: columns, columns: classCount, inner: count,
      into: &part.gradient)
    parts.withLock { $0[number] = part }
  }

  private func sum(
    _ parts: [Part], _ weights: [Double], _ strength: Double, gradient: inout [Double]
  ) -> Double {
    var (loss, penalty) = (0.0, 0.0)
    for i in gradient.indices { gradient[i] = 0 }
    for part in parts {
      loss += part.loss
      for i in gradient.indices { gradient[i] += part.gradient[i] }
    }
    for i in 0..<(columns - 1) * classCount {
      penalty += weights[i] * weights[i]
      gradient[i] += strength * weights[i]
    }
    return loss + 0.5 * strength * penalty
  }
}
