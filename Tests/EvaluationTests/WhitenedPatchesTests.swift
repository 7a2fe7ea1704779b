import Evaluation
import Foundation
import Randomness
import Tensors
import Testing

@Suite("Whitened patches")
struct WhitenedPatchesTests {
  private let threads = ThreadBudget(2)

  @Test func `the filters are NumPy's`() throws {
    for expected in try PatchFixture.cases() {
      let found = try expected.fitted(threads)
      #expect(found.count == expected.count && found.signs == expected.signs)
      #expect(isClose(found.filters, expected.filters, 1e-4), "\(expected.name)")
    }
  }

  @Test func `the features are NumPy's`() throws {
    for expected in try PatchFixture.cases() {
      let patches = WhitenedPatches(
        filters: expected.filters, bias: [Float](repeating: expected.bias, count: expected.count),
        kernelSize: expected.kernelSize, channels: expected.channels, signs: expected.signs)
      let found = patches.features(
        of: expected.pictures, height: expected.height, width: expected.width, threads: threads)
      #expect(isClose(found, expected.features, 1e-5), "\(expected.name)")
    }
  }

  @Test func `features do not depend on the number of threads or on other pictures`() throws {
    let expected = try #require(try PatchFixture.cases().first)
    let patches = try expected.fitted(threads)
    let (height, width) = (expected.height, expected.width)
    let size = height * width * expected.channels
    let all = [1, 2, 3, 8].map {
      patches.features(
        of: expected.pictures, height: height, width: width, threads: ThreadBudget($0))
    }
    #expect(all.allSatisfy { $0 == all[0] })
    let last = patches.features(
      of: Array(expected.pictures.suffix(size)), height: height, width: width, threads: threads)
    #expect(last == Array(all[0].suffix(patches.dimension)))
    #expect(patches.features(of: [], height: height, width: width, threads: threads).isEmpty)
  }

  @Test func `the same seed gives the same filters from few of many pictures, another seed others`()
    throws
  {
    func fit(_ seed: UInt64) throws -> (patches: WhitenedPatches, asked: [Int]) {
      var asked: [Int] = []
      let patches = try WhitenedPatches(
        pictureCount: 3000, height: 5, width: 6, channels: 1, seed: seed, count: 40,
        threads: threads
      ) { index in
        asked.append(index)
        var random = RandomStream(seed: 1, purpose: .demo, index: index)
        return (0..<30).map { _ in random.uniform() }
      }
      return (patches, asked)
    }
    let first = try fit(5)
    #expect(first.asked.count == PatchSample.pictureLimit)
    #expect(Set(first.asked).count == PatchSample.pictureLimit)
    #expect(first.patches.count == 40 && first.patches.dimension == 80)
    #expect(try fit(5).patches == first.patches)
    #expect(try fit(6).patches != first.patches)
  }

  @Test func `flat pictures have no filters, and values that are not finite are refused`() {
    #expect(throws: EvaluationError.self) {
      try WhitenedPatches(
        patches: [Float](repeating: 0.3, count: 90), channels: 1, threads: threads)
    }
    #expect(throws: EvaluationError.notFinite(row: 1)) {
      try WhitenedPatches(
        patches: (0..<18).map { $0 == 12 ? .nan : Float($0) }, channels: 1, threads: threads)
    }
  }

  @Test func `fewer patches than filters asked for are as many filters`() throws {
    let patches = try WhitenedPatches(
      patches: (0..<27).map { Float($0 * $0 % 11) / 11 }, channels: 1, count: 512,
      threads: threads)
    #expect((patches.count, patches.dimension) == (3, 6))
  }
}

/// Whether each value is within `tolerance` of the other, relative to the largest.
private func isClose(_ found: [Float], _ expected: [Float], _ tolerance: Float) -> Bool {
  let largest = expected.map(abs).max() ?? 0
  return found.count == expected.count
    && zip(found, expected).allSatisfy { abs($0 - $1) <= tolerance * largest }
}

/// `Fixtures/patches.json`, written by `Fixtures/make_patches.py`.
private struct PatchFixture: Decodable {
  var name: String
  var kernelSize: Int
  var channels: Int
  var count: Int
  var bias: Float
  var signs: WhitenedPatches.Signs
  var height: Int
  var width: Int
  var patches: [Float]
  var pictures: [Float]
  var filters: [Float]
  var features: [Float]

  static func cases() throws -> [PatchFixture] {
    struct File: Decodable { var cases: [PatchFixture] }
    return try JSONDecoder().decode(File.self, from: evaluationFixture("patches.json")).cases
  }

  func fitted(_ threads: ThreadBudget) throws -> WhitenedPatches {
    try WhitenedPatches(
      patches: patches, kernelSize: kernelSize, channels: channels, count: count, bias: bias,
      signs: signs, threads: threads)
  }
}

/// The bytes of a file of `Fixtures`.
func evaluationFixture(_ name: String) throws -> Data {
  try Data(
    contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Fixtures/\(name)"))
}
