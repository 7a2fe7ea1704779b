import Evaluation
import Foundation
import Tensors
import Testing

@Suite("Evaluation")
struct EvaluationTests {
  private let fixture = EvaluationFixture.load()
  private let threads = ThreadBudget(2)

  @Test func `nearest neighbours vote as in NumPy`() throws {
    let fixture = try fixture.get()
    let evaluation = NeighbourEvaluation(
      neighbours: fixture.neighbours.map(\.k), threads: threads)
    let results = try evaluation.evaluate(train: fixture.trainSet(), test: fixture.testSet())
    for (result, expected) in zip(results, fixture.neighbours) {
      #expect(result.neighbours == expected.k)
      #expect(result.accuracy.isClose(to: expected.accuracy), "k = \(expected.k)")
    }
  }

  @Test func `more neighbours than training pictures are all of them`() throws {
    let fixture = try fixture.get()
    let evaluation = NeighbourEvaluation(neighbours: [200], threads: threads)
    let result = try evaluation.evaluate(train: fixture.trainSet(), test: fixture.testSet())[0]
    let expected = try #require(fixture.neighbours.last)
    #expect((result.requested, result.neighbours) == (200, 150))
    #expect(result.accuracy.isClose(to: expected.accuracy))
  }

  @Test func `of equally near pictures the first counts, of equal votes the lowest class`() throws {
    let twins = try LabelledEmbeddings(
      values: [0, 2, 0, 1, 0, 3], dimension: 2, labels: [2, 1, 1], classCount: 3)
    let query = try LabelledEmbeddings(values: [0, 5], dimension: 2, labels: [2], classCount: 3)
    let results = try NeighbourEvaluation(neighbours: [1, 2, 3], threads: threads)
      .evaluate(train: twins, test: query)
    // The first alone is of class 2; the first two tie, and class 1 is lower; all three: class 1.
    #expect(results.map(\.accuracy.top1) == [1, 0, 0])
  }

  @Test func `a zero vector has the cosine 0 to all, and a class without pictures no accuracy`()
    throws
  {
    let train = try LabelledEmbeddings(
      values: [0, 0, 1, 0], dimension: 2, labels: [0, 1], classCount: 3)
    let result = try NeighbourEvaluation(neighbours: [1], threads: threads)
      .evaluate(train: train, test: train)[0]
    #expect(result.accuracy.perClass == [1, 1, nil])
  }

  @Test func `results do not depend on the number of threads`() throws {
    let fixture = try fixture.get()
    let results = try [1, 2].map {
      try NeighbourEvaluation(threads: ThreadBudget($0))
        .evaluate(train: fixture.trainSet(), test: fixture.testSet())
    }
    #expect(results[0] == results[1])
  }

  @Test func `the linear probe finds scikit-learn's minimum`() throws {
    let fixture = try fixture.get()
    for expected in fixture.linear {
      let probe = LinearEvaluation(regularisations: [expected.regularisation], threads: threads)
      let result = try probe.evaluate(train: fixture.trainSet(), test: fixture.testSet())
      #expect(abs(result.objective - expected.objective) < 1e-7 * expected.objective)
      #expect(result.accuracy.isClose(to: expected.accuracy), "\(expected.regularisation)")
    }
  }

  @Test func `the linear probe chooses a strength from its list`() throws {
    let fixture = try fixture.get()
    let result = try LinearEvaluation(threads: threads)
      .evaluate(train: fixture.trainSet(), test: fixture.testSet())
    #expect(LinearEvaluation(threads: threads).regularisations.contains(result.regularisation))
    #expect(result.accuracy.top1 > 0.5)
    #expect(LinearEvaluation.paperRegularisations.count == 45)
    #expect(abs((LinearEvaluation.paperRegularisations.last ?? 0) - 1e5) < 1e-6)
  }

  @Test func `the strength is scikit-learn's choice on a tenth of the training rows`() throws {
    let fixture = try fixture.get()
    let probe = LinearEvaluation(regularisations: fixture.chosen.strengths, threads: threads)
    let result = try probe.evaluate(train: fixture.trainSet(), test: fixture.testSet())
    #expect(result.regularisation == fixture.chosen.regularisation)
    #expect(abs(result.objective - fixture.chosen.objective) < 1e-7 * fixture.chosen.objective)
    #expect(result.accuracy.isClose(to: fixture.chosen.accuracy))
  }

  @Test func `the labels of the test set do not move the choice of the strength`() throws {
    let fixture = try fixture.get()
    let wrong = try LabelledEmbeddings(
      values: fixture.test, dimension: fixture.dimension,
      labels: fixture.testLabels.map { ($0 + 1) % fixture.classes }, classCount: fixture.classes)
    let probe = LinearEvaluation(regularisations: fixture.chosen.strengths, threads: threads)
    let results = try [fixture.testSet(), wrong].map {
      try probe.evaluate(train: fixture.trainSet(), test: $0)
    }
    #expect(results[0].regularisation == results[1].regularisation)
    #expect(results[0].objective == results[1].objective)
    #expect(results[0].accuracy.top1 > results[1].accuracy.top1)
  }

  @Test func `the collapse measures are NumPy's`() throws {
    let fixture = try fixture.get()
    for expected in fixture.measures {
      let vectors = Array(fixture.train.prefix(expected.rows * fixture.dimension))
      let measures = try CollapseMeasures(
        of: vectors, dimension: fixture.dimension, threads: threads)
      #expect(measures.count == expected.rows)
      #expect(abs(measures.deviation - expected.deviation) < 1e-6)
      #expect(abs(measures.effectiveRank - expected.effectiveRank) < 1e-5)
      #expect(abs(measures.meanCosine - expected.meanCosine) < 1e-6)
    }
  }

  @Test func `values that are not finite are refused with their row`() {
    #expect(throws: EvaluationError.notFinite(row: 1)) {
      try LabelledEmbeddings(
        values: [1, 2, .nan, 0], dimension: 2, labels: [0, 1], classCount: 2)
    }
    #expect(throws: EvaluationError.notFinite(row: 0)) {
      try CollapseMeasures(of: [1, .infinity, 0, 0], dimension: 2, threads: ThreadBudget(1))
    }
  }

  @Test func `sets that do not fit together are refused`() throws {
    #expect(throws: EvaluationError.unknownLabel(2)) {
      try LabelledEmbeddings(values: [1, 2], dimension: 1, labels: [0, 2], classCount: 2)
    }
    #expect(throws: EvaluationError.self) {
      try LabelledEmbeddings(values: [1, 2, 3], dimension: 2, labels: [0], classCount: 1)
    }
    #expect(throws: EvaluationError.self) {
      try LabelledEmbeddings(values: [], dimension: 2, labels: [], classCount: 1)
    }
    let one = try LabelledEmbeddings(values: [1, 2], dimension: 1, labels: [0, 0], classCount: 2)
    let two = try LabelledEmbeddings(values: [1, 2], dimension: 2, labels: [0], classCount: 2)
    #expect(throws: EvaluationError.self) {
      try NeighbourEvaluation(threads: threads).evaluate(train: one, test: two)
    }
    #expect(throws: EvaluationError.self) {
      try LinearEvaluation(threads: threads).evaluate(train: one, test: one)
    }
    #expect(throws: EvaluationError.self) {
      try CollapseMeasures(of: [1, 2], dimension: 2, threads: threads)
    }
  }
}

/// `Fixtures/evaluation.json`, written by `Fixtures/make_evaluation.py`.
private struct EvaluationFixture: Decodable {
  struct Accuracy: Decodable {
    var top1: Double
    var perClass: [Double]
  }
  struct Neighbours: Decodable {
    var k: Int
    var accuracy: Accuracy
  }
  struct Linear: Decodable {
    var regularisation: Double
    var objective: Double
    var accuracy: Accuracy
  }
  struct Chosen: Decodable {
    var strengths: [Double]
    var regularisation: Double
    var objective: Double
    var accuracy: Accuracy
  }
  struct Measures: Decodable {
    var rows: Int
    var deviation: Double
    var effectiveRank: Double
    var meanCosine: Double
  }
  var classes: Int
  var dimension: Int
  var train: [Float]
  var trainLabels: [Int]
  var test: [Float]
  var testLabels: [Int]
  var neighbours: [Neighbours]
  var linear: [Linear]
  var chosen: Chosen
  var measures: [Measures]

  static func load() -> Result<EvaluationFixture, any Error> {
    Result {
      try JSONDecoder().decode(
        EvaluationFixture.self, from: try evaluationFixture("evaluation.json"))
    }
  }

  func trainSet() throws -> LabelledEmbeddings {
    try LabelledEmbeddings(
      values: train, dimension: dimension, labels: trainLabels, classCount: classes)
  }

  func testSet() throws -> LabelledEmbeddings {
    try LabelledEmbeddings(
      values: test, dimension: dimension, labels: testLabels, classCount: classes)
  }
}

extension ClassificationAccuracy {
  fileprivate func isClose(to expected: EvaluationFixture.Accuracy) -> Bool {
    abs(top1 - expected.top1) < 1e-9 && perClass.count == expected.perClass.count
      && zip(perClass, expected.perClass).allSatisfy { abs(($0 ?? -1) - $1) < 1e-9 }
  }
}
