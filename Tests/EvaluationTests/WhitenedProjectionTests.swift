import Evaluation
import Foundation
import Randomness
import Tensors
import Testing

@Suite("Whitened projections")
struct WhitenedProjectionTests {
  private let threads = ThreadBudget(2)

  @Test func `the vectors are NumPy's but for signs`() throws {
    for expected in try ProjectionFixture.load().projections {
      let projection = try WhitenedProjection(
        fittedTo: expected.fitted, dimension: expected.dimension, threads: threads)
      let products = expected.products(by: projection)
      #expect(
        zip(products, expected.products).allSatisfy { abs($0 - $1) < 1e-3 }, "\(expected.name)")
      // Negative control: without the shrinkage's few percent the products differ.
      #expect(zip(products, expected.products).contains { abs($0 - $1 * 1.005) > 1e-3 })
    }
  }

  @Test func `many vectors at once are those of plain loops`() throws {
    let expected = try #require(try ProjectionFixture.load().projections.first)
    let projection = try WhitenedProjection(
      fittedTo: expected.fitted, dimension: expected.dimension, threads: threads)
    let vectors = projection(expected.others[0], width: expected.widths[0], threads: threads)
    let dimension = expected.dimension
    #expect(vectors.count == 5 * dimension)
    let products = (0..<5).flatMap { left in
      (0..<5).map { right in
        (0..<dimension).reduce(Float(0)) {
          $0 + vectors[left * dimension + $1] * vectors[right * dimension + $1]
        }
      }
    }
    #expect(zip(products, expected.products).allSatisfy { abs($0 - $1) < 1e-3 })
  }

  @Test func `moments of any parts give the map of the pictures themselves`() throws {
    for expected in try ProjectionFixture.load().projections {
      var moments = FeatureMoments(widths: expected.widths, threads: threads)
      for rows in [0..<2, 2..<3, 3..<expected.rows] {
        try moments.add(
          zip(expected.blocks, expected.widths).map { block, width in
            Array(block[rows.lowerBound * width..<rows.upperBound * width])
          })
      }
      #expect(moments.count == expected.rows)
      let projection = try WhitenedProjection(
        fittedTo: moments, weights: expected.weights, dimension: expected.dimension,
        threads: threads)
      let products = expected.products(by: projection)
      #expect(
        zip(products, expected.products).allSatisfy { abs($0 - $1) < 1e-3 }, "\(expected.name)")
      #expect(zip(products, expected.products).contains { abs($0 - $1 * 1.005) > 1e-3 })
    }
  }

  /// More features than are computed exactly: the exact map comes from the pictures themselves, of which there are few.
  @Test func `many features have nearly the map of the pictures themselves`() throws {
    let (rows, width, dimension) = (240, WhitenedProjection.exactWidth + 1, 24)
    // The variances of the directions fall from each to the next, as those of features do.
    var random = RandomStream(seed: 3, purpose: .evaluation)
    let loadings = (0..<60).map { factor in
      (0..<width).map { _ in random.uniform(in: -1...1) / Float(1 + factor) }
    }
    let features = (0..<rows).flatMap { _ -> [Float] in
      let scores = loadings.map { _ in random.uniform(in: -1...1) }
      return (0..<width).map { place in
        zip(loadings, scores).reduce(5) { $0 + $1.0[place] * $1.1 }
      }
    }
    let exact = try WhitenedProjection(
      fittedTo: [.init(features: features, width: width, weight: 1)], dimension: dimension,
      threads: threads)
    var moments = FeatureMoments(widths: [width], threads: threads)
    try moments.add([features])
    let near = try WhitenedProjection(
      fittedTo: moments, weights: [1], dimension: dimension, threads: threads)
    func products(_ map: WhitenedProjection) -> [Float] {
      let vectors = map(Array(features.prefix(6 * width)), width: width, threads: threads)
      return (0..<36).map { pair in
        (0..<dimension).reduce(Float(0)) {
          $0 + vectors[pair / 6 * dimension + $1] * vectors[pair % 6 * dimension + $1]
        }
      }
    }
    let (found, expected) = (products(near), products(exact))
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 0.02 }, "\(zip(found, expected))")
    // Negative control: a map of fewer components differs by more.
    let fewer = try WhitenedProjection(
      fittedTo: [.init(features: features, width: width, weight: 1)], dimension: dimension - 1,
      threads: threads)
    var shorter = fewer
    shorter.offset.append(0)
    shorter.weights[0] += [Float](repeating: 0, count: width)
    #expect(zip(products(shorter), expected).contains { abs($0 - $1) > 0.1 })
  }

  @Test
  func `moments of pictures that do not differ, and of values that are not finite, are refused`()
    throws
  {
    var moments = FeatureMoments(widths: [2], threads: threads)
    try moments.add([[1, 2, 3, 4]])
    #expect(throws: EvaluationError.notFinite(row: 3)) { try moments.add([[5, 6, .nan, 8]]) }
    #expect(moments.count == 2)
    #expect(throws: EvaluationError.self) {
      try WhitenedProjection(fittedTo: moments, weights: [1], dimension: 2, threads: threads)
    }
    var equal = FeatureMoments(widths: [2], threads: threads)
    try equal.add([[Float](repeating: 3, count: 20)])
    #expect(throws: EvaluationError.self) {
      try WhitenedProjection(fittedTo: equal, weights: [1], dimension: 2, threads: threads)
    }
  }

  @Test func `a block's scale does not matter, its weight does`() throws {
    let expected = try #require(try ProjectionFixture.load().projections.dropFirst().first)
    func fit(_ change: (inout [WhitenedProjection.Block]) -> Void) throws -> [Float] {
      var blocks = expected.fitted
      change(&blocks)
      let projection = try WhitenedProjection(
        fittedTo: blocks, dimension: expected.dimension, threads: threads)
      return zip(projection.weights, blocks).flatMap { weights, block in
        weights.map { abs($0) * (block.features.map(abs).max() ?? 0) }
      }
    }
    let usual = try fit { _ in }
    let scaled = try fit { $0[0].features = $0[0].features.map { $0 * 1000 } }
    #expect(zip(usual, scaled).allSatisfy { abs($0 - $1) < 1e-2 * max(1, abs($0)) })
    let heavier = try fit { $0[0].weight = 100 }
    #expect(zip(usual, heavier).contains { abs($0 - $1) > 0.1 * max(1, abs($0)) })
  }

  @Test func `directions that no picture varies in become components that are 0`() throws {
    let block = WhitenedProjection.Block(
      features: [1, 5, 2, 5, 4, 5, 9, 5], width: 2, weight: 1)
    let projection = try WhitenedProjection(fittedTo: [block], dimension: 6, threads: threads)
    #expect(projection.dimension == 6 && projection.weights[0].count == 12)
    #expect(
      projection.weights[0][0] != 0 && projection.weights[0].dropFirst().allSatisfy { $0 == 0 })
  }

  @Test func `pictures that do not differ, and values that are not finite, are refused`() {
    func fit(_ features: [Float]) throws {
      _ = try WhitenedProjection(
        fittedTo: [.init(features: features, width: 2, weight: 1)], dimension: 2, threads: threads)
    }
    #expect(throws: EvaluationError.self) { try fit([Float](repeating: 3, count: 20)) }
    #expect(throws: EvaluationError.self) { try fit([1, 2, 3, 4]) }
    #expect(throws: EvaluationError.notFinite(row: 2)) {
      try fit([1, 2, 3, 4, .infinity, 6, 7, 8])
    }
  }
}

@Suite("Patch filters")
struct PatchFiltersTests {
  private let threads = ThreadBudget(2)

  @Test func `filters and biases are NumPy's`() throws {
    for expected in try ProjectionFixture.load().filters {
      let found = try PatchFilters(
        patches: expected.patches, size: expected.size, count: expected.count, threads: threads)
      #expect(found.count == expected.count)
      let scale = expected.filters.map(abs).max() ?? 1
      #expect(zip(found.weights, expected.filters).allSatisfy { abs($0 - $1) < 1e-4 * scale })
      #expect(zip(found.bias, expected.bias).allSatisfy { abs($0 - $1) < 1e-4 * scale })
    }
  }

  @Test func `equal patches and values that are not finite are refused`() {
    func make(_ patches: [Float]) throws {
      _ = try PatchFilters(patches: patches, size: 4, count: 2, threads: threads)
    }
    #expect(throws: EvaluationError.self) { try make([Float](repeating: 0.5, count: 40)) }
    #expect(throws: EvaluationError.notFinite(row: 1)) { try make([1, 2, 3, 4, 5, .nan, 7, 8]) }
  }
}

private struct ProjectionFixture: Decodable {
  var projections: [Projection]
  var filters: [Filters]

  struct Projection: Decodable {
    var name: String
    var rows: Int
    var widths: [Int]
    var weights: [Double]
    var dimension: Int
    var blocks: [[Float]]
    var others: [[Float]]
    var products: [Float]

    var fitted: [WhitenedProjection.Block] {
      zip(zip(blocks, widths), weights).map {
        WhitenedProjection.Block(features: $0.0, width: $0.1, weight: $1)
      }
    }

    /// Z·Zᵀ of the five other pictures' vectors.
    func products(by projection: WhitenedProjection) -> [Float] {
      let vectors: [[Float]] = (0..<5).map { row in
        (0..<projection.dimension).map { component in
          zip(zip(others, widths), projection.weights).reduce(projection.offset[component]) {
            sum, part in
            let ((features, width), weights) = part
            return (0..<width).reduce(sum) {
              $0 + features[row * width + $1] * weights[component * width + $1]
            }
          }
        }
      }
      return vectors.flatMap { left in
        vectors.map { right in zip(left, right).reduce(0) { $0 + $1.0 * $1.1 } }
      }
    }
  }

  struct Filters: Decodable {
    var name: String
    var size: Int
    var count: Int
    var patches: [Float]
    var filters: [Float]
    var bias: [Float]
  }

  static func load() throws -> ProjectionFixture {
    try JSONDecoder().decode(ProjectionFixture.self, from: evaluationFixture("projection.json"))
  }
}
