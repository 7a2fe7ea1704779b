import Evaluation
import Foundation
import Tensors
import Testing

@Suite("Measures without labels")
struct LabelFreeTests {
  private let threads = ThreadBudget(2)

  @Test func `RankMe, LiDAR, recall of views and the mean cosine are NumPy's`() throws {
    for expected in try MeasureFixture.load().views {
      let dimension = expected.dimension
      let (first, second) = (expected.view(0), expected.view(1))
      let rank = try LabelFree.rankMe(of: first, dimension: dimension, threads: threads)
      #expect(abs(rank - expected.rankMe) < 1e-6, "\(expected.name)")
      let lidar = try LabelFree.lidar(
        of: expected.views, dimension: dimension, viewsPerPicture: expected.viewsPerPicture,
        threads: threads)
      #expect(abs(lidar - expected.lidar) < 1e-6, "\(expected.name)")
      let recall = try LabelFree.viewRecall(
        first: first, second: second, dimension: dimension, threads: threads)
      #expect(abs(recall - expected.viewRecall) < 1e-12, "\(expected.name)")
      let cosine = try LabelFree.meanCosine(of: first, dimension: dimension)
      #expect(abs(cosine - expected.meanCosine) < 1e-6, "\(expected.name)")
    }
  }

  @Test func `a collapsed encoder has rank 1 and the recall of chance`() throws {
    let vectors = [[Float]](repeating: [0.5, 2, -1], count: 20).flatMap { $0 }
    #expect(abs(try LabelFree.rankMe(of: vectors, dimension: 3, threads: threads) - 1) < 1e-6)
    #expect(
      try LabelFree.lidar(of: vectors, dimension: 3, viewsPerPicture: 2, threads: threads) == 1)
    #expect(
      try LabelFree.viewRecall(first: vectors, second: vectors, dimension: 3, threads: threads)
        == 1.0 / 20)
    #expect(abs(try LabelFree.meanCosine(of: vectors, dimension: 3) - 1) < 1e-6)
  }

  @Test func `pictures far apart, with views close together, have the recall 1`() throws {
    let first: [Float] = (0..<81).map { $0 % 10 == 0 ? 1 : 0.01 }
    #expect(
      try LabelFree.viewRecall(
        first: first, second: first.map { $0 * 3 }, dimension: 9, threads: threads) == 1)
  }

  @Test func `vectors that are too few, of other sizes or not finite are refused`() {
    #expect(throws: EvaluationError.self) {
      try LabelFree.rankMe(of: [1, 2], dimension: 2, threads: threads)
    }
    #expect(throws: EvaluationError.self) {
      try LabelFree.rankMe(of: [1, 2, 3], dimension: 2, threads: threads)
    }
    #expect(throws: EvaluationError.notFinite(row: 1)) {
      try LabelFree.meanCosine(of: [1, 2, .nan, 4], dimension: 2)
    }
    #expect(throws: EvaluationError.self) {
      try LabelFree.viewRecall(
        first: [1, 2, 3, 4], second: [1, 2, 3, 4, 5, 6], dimension: 2, threads: threads)
    }
    for views in [1, 3, 4] {
      #expect(throws: EvaluationError.self, "\(views) views of each") {
        try LabelFree.lidar(
          of: [1, 2, 3, 4], dimension: 1, viewsPerPicture: views, threads: threads)
      }
    }
  }

  @Test func `Kendall's tau is SciPy's, and unknown where a ranking is constant`() throws {
    for expected in try MeasureFixture.load().kendall {
      let tau = try #require(kendallTau(expected.a, expected.b))
      #expect(abs(tau - expected.tau) < 1e-12)
    }
    #expect(kendallTau([1, 1, 1], [1, 2, 3]) == nil)
    #expect(kendallTau([1, 2], [.nan, 2]) == nil)
    #expect(kendallTau([1], [1]) == nil)
    #expect(kendallTau([1, 2, 3], [-1, -2, -3]) == -1)
  }
}

@Suite("Statistics of pictures")
struct ImageStatisticsTests {
  @Test func `the statistics of pictures are NumPy's`() throws {
    let expected = try MeasureFixture.load().statistics
    let statistics = ImageStatistics(channels: expected.channels)
    let found = statistics.features(
      of: expected.pictures, height: expected.height, width: expected.width)
    #expect(found.count == 3 * statistics.dimension && statistics.dimension == 12)
    #expect(zip(found, expected.features).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  @Test func `a pixel has no neighbours, and a flat picture no deviation`() {
    let statistics = ImageStatistics(channels: 1)
    #expect(statistics.features(of: [0.25], height: 1, width: 1) == [0.25, 0, 0.25, 0.25, 0, 0])
    let flat = statistics.features(
      of: [Float](repeating: 1, count: 12), height: 3, width: 4)
    #expect(flat == [1, 0, 1, 1, 0, 0])
  }

  @Test
  func `standardised columns have the reference's mean 0 and deviation 1, constant ones are 0`() {
    let reference: [Float] = [1, 5, 3, 5, 2, 5, 4, 5]
    let found = Standardization(of: reference, dimension: 2)(reference + [2.5, 7])
    let first = stride(from: 0, to: 8, by: 2).map { found[$0] }
    #expect(abs(first.reduce(0, +)) < 1e-6)
    #expect(abs(first.reduce(0) { $0 + $1 * $1 } / 4 - 1) < 1e-6)
    #expect(stride(from: 1, to: 10, by: 2).allSatisfy { found[$0] == 0 } && found[8] == 0)
  }
}

/// `Fixtures/measures.json`, written by `Fixtures/make_measures.py`.
private struct MeasureFixture: Decodable {
  struct Views: Decodable {
    var name: String
    var viewsPerPicture: Int
    var dimension: Int
    var views: [Float]
    var rankMe: Double
    var lidar: Double
    var viewRecall: Double
    var meanCosine: Double

    /// One view of each picture.
    func view(_ number: Int) -> [Float] {
      stride(from: number, to: views.count / dimension, by: viewsPerPicture).flatMap {
        views[$0 * dimension..<($0 + 1) * dimension]
      }
    }
  }
  struct Statistics: Decodable {
    var height: Int
    var width: Int
    var channels: Int
    var pictures: [Float]
    var features: [Float]
  }
  struct Kendall: Decodable {
    var a: [Double]
    var b: [Double]
    var tau: Double
  }
  var views: [Views]
  var statistics: Statistics
  var kendall: [Kendall]

  static func load() throws -> MeasureFixture {
    try JSONDecoder().decode(MeasureFixture.self, from: evaluationFixture("measures.json"))
  }
}
