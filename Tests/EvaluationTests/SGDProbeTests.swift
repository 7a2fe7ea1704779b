import Evaluation
import Foundation
import Tensors
import Testing

@Suite("The linear classifier by SGD")
struct SGDProbeTests {
  /// How far a weight may be from PyTorch's, in float64.
  private static let tolerance = 1e-9

  private struct Interrupted: Error {}

  @Test func `rate, weights and accuracy are PyTorch's`() throws {
    let fixture = try SGDFixture.load()
    let found = try fixture.evaluate()
    #expect(found.heldOutRight == fixture.heldOutRight)
    #expect(found.learningRate == fixture.rate && fixture.rate != fixture.rates[0])
    #expect(abs(found.scale - fixture.scale) < Self.tolerance)
    #expect(found.weights.count == fixture.weights.count)
    for (mine, theirs) in zip(found.weights, fixture.weights) {
      #expect(abs(mine - theirs) < Self.tolerance)
    }
    #expect(abs(found.accuracy.top1 - fixture.top1) < 1e-12)
  }

  @Test func `every mistake in the protocol would move a weight far beyond the tolerance`() throws {
    let fixture = try SGDFixture.load()
    #expect(fixture.wrong.count == 7)
    for (mistake, difference) in fixture.wrong {
      #expect(difference > 1e6 * Self.tolerance, "\(mistake)")
    }
  }

  @Test(arguments: [1, 2, 3, 8])
  func `the bits do not depend on the number of threads`(threads: Int) throws {
    let fixture = try SGDFixture.load()
    #expect(try fixture.evaluate(threads: threads) == fixture.evaluate(threads: 1))
  }

  @Test func `labels of judged pictures move neither rate nor weights`() throws {
    let fixture = try SGDFixture.load()
    let right = try fixture.evaluate()
    let moved = try fixture.evaluate(
      judgedLabels: fixture.judgedLabels.map { ($0 + 1) % fixture.classes })
    #expect(moved.learningRate == right.learningRate && moved.weights == right.weights)
    #expect(moved.heldOutRight == right.heldOutRight && moved.scale == right.scale)
    #expect(moved.accuracy.top1 < right.accuracy.top1)
    // Those of reference pictures do: the choice looks at them.
    let other = try fixture.evaluate(labels: fixture.labels.map { ($0 * $0) % fixture.classes })
    #expect(other.heldOutRight != right.heldOutRight && other.weights != right.weights)
  }

  @Test func `another seed draws another tenth and another order`() throws {
    let fixture = try SGDFixture.load()
    #expect(try fixture.evaluate(seed: fixture.seed + 1).weights != fixture.evaluate().weights)
  }

  @Test func `the scale of the vectors does not matter`() throws {
    let fixture = try SGDFixture.load()
    // A power of two, so that nothing is rounded.
    let (plain, larger) = (try fixture.evaluate(), try fixture.evaluate(factor: 1024))
    #expect(larger.weights == plain.weights && larger.scale == plain.scale / 1024)
    #expect(larger.accuracy == plain.accuracy)
  }

  @Test(arguments: [Float(0.001), 1, 300])
  func `classes that a plane separates are all told, at any scale`(factor: Float) throws {
    let count = 300
    func set(_ first: Int, views: Int) throws -> LabelledEmbeddings {
      var (values, labels): ([Float], [Int]) = ([], [])
      for row in first..<first + count {
        for view in 0..<views {
          // Class 1 is above the line y = x, and one coordinate is the same for all.
          let x = Float(row % 7) / 7 + Float(view) / 20
          let y: Float = row % 2 == 1 ? x + 0.5 : x - 0.5
          values += [x * factor, y * factor, 2 * factor]
          labels.append(row % 2)
        }
      }
      return try LabelledEmbeddings(
        values: values, dimension: 3, labels: labels, classCount: 2)
    }
    let found = try SGDProbe(seed: 0, threads: ThreadBudget(2)).evaluate(
      crops: set(0, views: 4), reference: set(0, views: 1), test: set(1000, views: 1))
    #expect(found.accuracy.top1 == 1 && found.accuracy.perClass == [1, 1])
    #expect(SGDProbe.paperRates.contains(found.learningRate))
    #expect(found.weights.allSatisfy { $0.isFinite })
    // Labels that vectors do not tell are not learned.
    let mixed = try set(1000, views: 1)
    let drawn = try LabelledEmbeddings(
      values: mixed.values, dimension: 3, labels: (0..<count).map { $0 / 2 % 2 }, classCount: 2)
    let other = try SGDProbe(seed: 0, threads: ThreadBudget(2)).evaluate(
      crops: set(0, views: 4), reference: set(0, views: 1), test: drawn)
    #expect(abs(other.accuracy.top1 - 0.5) < 0.1)
  }

  @Test func `vectors that are all 0 tell nothing, and nothing breaks`() throws {
    func zeros(_ count: Int) throws -> LabelledEmbeddings {
      try LabelledEmbeddings(
        values: [Float](repeating: 0, count: 2 * count), dimension: 2,
        labels: (0..<count).map { $0 / 2 % 2 }, classCount: 2)
    }
    // Fewer than 20 pictures: the tenth that is held out is all of them.
    let found = try SGDProbe(epochs: 3, seed: 0, threads: ThreadBudget(1)).evaluate(
      crops: zeros(8), reference: zeros(8), test: zeros(4))
    #expect(found.accuracy.top1 == 0.5 && found.scale == 1)
    #expect(found.heldOutRight == [4, 4, 4, 4, 4] && found.learningRate == 0.4)
  }

  @Test(arguments: [1, 42, 43, 91])
  func `what is thrown after a batch ends the training there`(last: Int) throws {
    let fixture = try SGDFixture.load()
    var count = 0
    #expect(throws: Interrupted.self) {
      try fixture.evaluate {
        count += 1
        if count == last { throw Interrupted() }
      }
    }
    #expect(count == last)
    count = 0
    _ = try fixture.evaluate { count += 1 }
    // 7 epochs of 6 batches of the nine tenths, then of 7 of all.
    #expect(count == 7 * 6 + 7 * 7)
  }

  @Test func `sets that do not fit together are refused`() throws {
    func set(_ labels: [Int], dimension: Int = 1) throws -> LabelledEmbeddings {
      try LabelledEmbeddings(
        values: (0..<labels.count * dimension).map(Float.init), dimension: dimension,
        labels: labels, classCount: 2)
    }
    let probe = SGDProbe(epochs: 1, seed: 0, threads: ThreadBudget(1))
    let (pictures, test) = (try set([0, 1]), try set([0]))
    #expect(
      try probe.evaluate(crops: set([0, 0, 1, 1]), reference: pictures, test: test)
        .weights.count == 4)
    for crops in [try set([0, 0, 1]), try set([0, 1, 0, 1]), try set([0])] {
      #expect {
        try probe.evaluate(crops: crops, reference: pictures, test: test)
      } throws: { error in
        guard case EvaluationError.sizeMismatch = error else { return false }
        return true
      }
    }
    #expect(throws: EvaluationError.self) {
      try probe.evaluate(crops: set([0, 1], dimension: 2), reference: pictures, test: test)
    }
    #expect {
      try probe.evaluate(crops: set([0, 0]), reference: set([0, 0]), test: test)
    } throws: { error in
      guard case EvaluationError.tooFewPictures = error else { return false }
      return true
    }
  }

  @Test(arguments: [
    (pictures: 12_000, dimension: 512, count: 8), (50_000, 512, 8), (50_000, 1024, 5),
    (50_000, 2048, 2), (50_000, 8192, 1), (1 << 20, 1 << 20, 1), (1, 1, 8),
    (1 << 15, 1024, 8), ((1 << 15) + 1, 1024, 7),
  ])
  func `there are as many crops as the limits of crops and of values allow, and one at least`(
    pictures: Int, dimension: Int, count: Int
  ) {
    #expect(SGDProbe.cropCount(pictures: pictures, dimension: dimension) == count)
  }
}

/// `Fixtures/sgd.json`, written by `Fixtures/make_sgd.py`.
private struct SGDFixture: Decodable {
  var dimension: Int
  var classes: Int
  var seed: UInt64
  var epochs: Int
  var batch: Int
  var rates: [Double]
  var crops: [Float]
  var reference: [Float]
  var labels: [Int]
  var judged: [Float]
  var judgedLabels: [Int]
  var heldOutRight: [Int]
  var rate: Double
  var scale: Double
  var weights: [Double]
  var top1: Double
  var wrong: [String: Double]

  static func load() throws -> SGDFixture {
    try JSONDecoder().decode(SGDFixture.self, from: evaluationFixture("sgd.json"))
  }

  @discardableResult
  func evaluate(
    labels: [Int]? = nil, judgedLabels: [Int]? = nil, seed: UInt64? = nil, factor: Float = 1,
    threads: Int = 2, afterEachBatch: () throws -> Void = {}
  ) throws -> SGDProbe.Result {
    func set(_ values: [Float], _ labels: [Int]) throws -> LabelledEmbeddings {
      try LabelledEmbeddings(
        values: values.map { $0 * factor }, dimension: dimension, labels: labels,
        classCount: classes)
    }
    let (labels, views) = (labels ?? self.labels, crops.count / reference.count)
    return try SGDProbe(
      rates: rates, epochs: epochs, batchSize: batch, seed: seed ?? self.seed,
      threads: ThreadBudget(threads)
    ).evaluate(
      crops: set(crops, labels.flatMap { repeatElement($0, count: views) }),
      reference: set(reference, labels), test: set(judged, judgedLabels ?? self.judgedLabels),
      afterEachBatch: afterEachBatch)
  }
}
