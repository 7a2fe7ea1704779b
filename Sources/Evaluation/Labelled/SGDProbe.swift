internal import Glibc
internal import Synchronization
public import Tensors
internal import Threads

/// The linear evaluation of BYOL's authors (Grill et al. 2020, appendix C.1, and their `eval_experiment.py`): a linear
/// classifier on frozen representations of random crops, trained by stochastic gradient descent.
///
/// The loss is the mean cross entropy of a batch, without weight decay; the momentum is Nesterov's, and the learning rate falls
/// from `rate · batch / 256` to 0 along half a cosine, update by update. The base rate is the one with the best accuracy on a
/// tenth of the reference pictures, drawn with the seed, none of whose crops is learned from while it is chosen; the pictures of
/// that tenth are seen whole, as judged ones are. With that rate the classifier is then trained anew on all reference pictures,
/// as in the authors' code, and this one is judged. Judged pictures take no part before that.
///
/// Three things differ from the paper. A batch has 256 pictures, not 1024. Epoch e learns from crop e mod V of each picture: V
/// crops stand for an endless number. And every value is divided by one number, the root of the mean square of all values
/// learned from: representations after rectification, as the paper's are, have values of about 1, but an embedding may have
/// any scale, and the paper's rates mean nothing for it. Neither directions nor relative sizes change by it; multiplying the
/// learning rate by that mean square and leaving features as they are would be the same. Weights and biases begin at 0, theirs
/// at small random numbers: the problem is convex.
///
/// The order of the pictures is the product's counter-based random numbers'. Rates are trained on as many threads as there are,
/// each by one of them, so the bits do not depend on the number.
public struct SGDProbe: Sendable {
  /// What the classifier reached.
  public struct Result: Sendable, Hashable, Codable {
    /// How often it was right on the judged pictures.
    public var accuracy: ClassificationAccuracy
    /// The base rate chosen.
    public var learningRate: Double
    /// For each rate, in the order given, how many pictures of the held-out tenth were right.
    public var heldOutRight: [Int]
    /// What features are multiplied with before the weights.
    public var scale: Double
    /// `[D + 1, classes]`, row-major, of scaled features; the last row is the biases.
    public var weights: [Double]
  }

  /// The paper's base rates, of a batch of 256 pictures.
  public static let paperRates = [0.4, 0.3, 0.2, 0.1, 0.05]

  /// The base rates to choose from, each above 0; of equally good ones the first.
  public var rates: [Double]
  /// Epochs.
  public var epochs: Int
  /// Pictures in a batch; all, where there are fewer. What does not fill a batch is left out of its epoch.
  public var batchSize: Int
  /// The momentum, 0 ..< 1.
  public var momentum: Double
  /// The seed of the held-out tenth and of the order of the pictures.
  public var seed: UInt64
  /// Threads, each of which trains rates of its own.
  public var threads: ThreadBudget

  /// A probe with the paper's numbers, but for the batch.
  public init(
    rates: [Double] = SGDProbe.paperRates, epochs: Int = 80, batchSize: Int = 256,
    momentum: Double = 0.9, seed: UInt64, threads: ThreadBudget
  ) {
    precondition(!rates.isEmpty && rates.allSatisfy { $0 > 0 } && epochs > 0 && batchSize > 0)
    precondition((0..<1).contains(momentum))
    (self.rates, self.epochs, self.batchSize) = (rates, epochs, batchSize)
    (self.momentum, self.seed, self.threads) = (momentum, seed, threads)
  }

  /// How many crops of each picture are taken, V.
  ///
  /// - Parameters:
  ///   - pictures: Reference pictures, N.
  ///   - dimension: Components of a vector, D.
  /// - Returns: `EvaluationLimits.sgdViews`; fewer where V·N·D would be more than `EvaluationLimits.sgdValues`, but one at least.
  public static func cropCount(pictures: Int, dimension: Int) -> Int {
    let fitting = EvaluationLimits.sgdValues / max(1, pictures * dimension)
    return max(1, min(EvaluationLimits.sgdViews, fitting))
  }

  /// Chooses a rate, trains on crops of all reference pictures with it, judges `test`.
  ///
  /// - Parameters:
  ///   - crops: `[N · V, D]`: the V crops of the first reference picture, then those of the second.
  ///   - reference: `[N, D]`: the same pictures as they are judged, whole, for the choice of the rate.
  ///   - test: The judged pictures.
  ///   - afterEachBatch: Called after each update of all rates; what it throws ends the training.
  /// - Returns: What was found.
  /// - Throws: `sizeMismatch` where the sets do not fit together; `tooFewPictures` if `reference` has only one class; what
  ///   `afterEachBatch` throws.
  public func evaluate(
    crops: LabelledEmbeddings, reference: LabelledEmbeddings, test: LabelledEmbeddings,
    afterEachBatch: () throws -> Void = {}
  ) throws -> Result {
    try reference.requireSameSpace(as: test)
    try reference.requireSameSpace(as: crops)
    let views = crops.count / reference.count
    guard crops.count == reference.count * views, views > 0,
      crops.labels.indices.allSatisfy({ crops.labels[$0] == reference.labels[$0 / views] })
    else {
      throw EvaluationError.sizeMismatch(
        "\(crops.count) crops are not as many of each of the \(reference.count) reference pictures."
      )
    }
    guard Set(reference.labels).count > 1 else {
      throw EvaluationError.tooFewPictures(
        "A linear classifier needs training pictures of at least two classes.")
    }
    let scale = Self.scale(of: crops)
    let (fitted, held) = split(reference.count)
    func trained(_ pictures: [Int], _ rates: [Double]) throws -> [Classifier] {
      try train(pictures, rates, crops, views: views, scale, afterEachBatch)
    }
    let right = try trained(fitted, rates).map { classifier in
      held.count { classifier.prediction(for: reference, $0, scale) == reference.labels[$0] }
    }
    let best = right.indices.reduce(0) { right[$1] > right[$0] ? $1 : $0 }
    let final = try trained(Array(0..<reference.count), [rates[best]])[0]
    return Result(
      accuracy: ClassificationAccuracy(
        predicted: (0..<test.count).map { final.prediction(for: test, $0, scale) },
        labels: test.labels, classCount: test.classCount),
      learningRate: rates[best], heldOutRight: right, scale: scale, weights: final.weights)
  }

  /// One over the root of the mean square of all values; 1 where all are 0.
  private static func scale(of set: LabelledEmbeddings) -> Double {
    var sum = 0.0
    for value in set.values { sum += Double(value) * Double(value) }
    return sum > 0 ? (Double(set.values.count) / sum).squareRoot() : 1
  }

  // Lanes 0 and 1 belong to other draws for evaluation.
  private static let (orderLane, splitLane) = (2, 3)

  /// Nine tenths of the pictures, and the tenth that is held out; too few to split stand on both sides.
  private func split(_ count: Int) -> (fitted: [Int], held: [Int]) {
    guard count >= 20 else { return (Array(0..<count), Array(0..<count)) }
    let held = Set(shuffledPrefix(count / 10, of: count, seed: seed, lane: Self.splitLane))
    return ((0..<count).filter { !held.contains($0) }, held.sorted())
  }
}

// MARK: Training

extension SGDProbe {
  /// Trains a classifier with each rate on crops of the pictures.
  private func train(
    _ pictures: [Int], _ rates: [Double], _ crops: LabelledEmbeddings, views: Int, _ scale: Double,
    _ afterEachBatch: () throws -> Void
  ) throws -> [Classifier] {
    let size = min(batchSize, pictures.count)
    let steps = pictures.count / size
    let start = Classifier(inputs: crops.dimension + 1, classes: crops.classCount)
    let classifiers = Mutex([Classifier](repeating: start, count: rates.count))
    let workers = min(threads.count, rates.count)
    for epoch in 0..<epochs {
      let order = shuffledPrefix(
        steps * size, of: pictures.count, seed: seed, epoch: epoch, lane: Self.orderLane)
      for step in 0..<steps {
        let rows = order[step * size..<(step + 1) * size].map {
          pictures[$0] * views + epoch % views
        }
        let batch = Batch(crops, rows, scale)
        let progress = Double(epoch * steps + step) / Double(epochs * steps)
        let factor = Double(size) / 256 * 0.5 * (1 + cos(Double.pi * progress))
        @Sendable func update(_ worker: Int) {
          for number in stride(from: worker, to: rates.count, by: workers) {
            // Taken out, so that the lock is not held while it learns and nothing is copied.
            var classifier = classifiers.withLock { list in
              let taken = list[number]
              list[number] = Classifier(inputs: 0, classes: 0)
              return taken
            }
            classifier.learn(batch, rate: rates[number] * factor, momentum: momentum)
            classifiers.withLock { $0[number] = classifier }
          }
        }
        if workers == 1 { update(0) } else { ThreadGroup(count: workers, update).join() }
        try afterEachBatch()
      }
    }
    return classifiers.withLock { $0 }
  }

  /// Scaled features `[rows, D + 1]`, the last column 1 for the biases, and a label for each row.
  private struct Batch: Sendable {
    var features: [Double]
    var labels: [Int]

    init(_ set: LabelledEmbeddings, _ rows: [Int], _ scale: Double) {
      let dimension = set.dimension
      features = [Double](repeating: 1, count: rows.count * (dimension + 1))
      labels = rows.map { set.labels[$0] }
      for (place, row) in rows.enumerated() {
        for i in 0..<dimension {
          features[place * (dimension + 1) + i] = scale * Double(set.values[row * dimension + i])
        }
      }
    }
  }

  /// A linear classifier under training.
  private struct Classifier: Sendable {
    let inputs: Int
    let classes: Int
    /// `[inputs, classes]`, the last row the biases.
    private(set) var weights: [Double]
    private var velocity: [Double]
    private var gradient: [Double]
    private var scores: [Double] = []

    init(inputs: Int, classes: Int) {
      (self.inputs, self.classes) = (inputs, classes)
      weights = [Double](repeating: 0, count: inputs * classes)
      (velocity, gradient) = (weights, weights)
    }

    /// One update: v ← μ·v + g, W ← W − rate·(g + μ·v).
    mutating func learn(_ batch: Batch, rate: Double, momentum: Double) {
      let (rows, algebra) = (batch.labels.count, DenseAlgebra(threads: ThreadBudget(1)))
      if scores.count != rows * classes {
        scores = [Double](repeating: 0, count: rows * classes)
      }
      algebra.product(
        batch.features, weights, rows: rows, columns: classes, inner: inputs, into: &scores)
      for row in 0..<rows {
        scores.replaceScoresByGradient(
          row * classes..<(row + 1) * classes, label: batch.labels[row], share: 1 / Double(rows))
      }
      algebra.product(
        batch.features, transposed: true, scores, rows: inputs, columns: classes, inner: rows,
        into: &gradient)
      for i in weights.indices {
        velocity[i] = momentum * velocity[i] + gradient[i]
        weights[i] -= rate * (gradient[i] + momentum * velocity[i])
      }
    }

    /// The class of the greatest score of a row; of equals the lowest.
    func prediction(for set: LabelledEmbeddings, _ row: Int, _ scale: Double) -> Int {
      var scores = Array(weights.suffix(classes))
      for i in 0..<set.dimension {
        let value = scale * Double(set.values[row * set.dimension + i])
        for c in 0..<classes { scores[c] += value * weights[i * classes + c] }
      }
      return (1..<classes).reduce(0) { scores[$1] > scores[$0] ? $1 : $0 }
    }
  }
}
