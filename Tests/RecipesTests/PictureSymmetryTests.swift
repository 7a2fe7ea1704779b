import Images
import Randomness
import Testing

@testable import Recipes

/// What a sample of pictures says of all of them.
@Suite struct `Symmetry of pictures` {
  /// Pictures of noise, brighter toward one side by `slope`.
  private func pictures(
    _ count: Int, slope: (row: Double, column: Double), channels: Int = 3
  ) -> [Raster] {
    (0..<count).map { index in
      var random = RandomStream(seed: 3, purpose: .evaluation, index: index)
      let side = 16
      let pixels = (0..<side * side * channels).map { place in
        let (row, column) = (place / channels / side, place / channels % side)
        let slope = slope.row * Double(row) / 15 + slope.column * Double(column) / 15
        return UInt8(min(255, max(0, 60 + Double(random.uniform()) * 120 + slope)))
      }
      return Raster(width: side, height: side, channels: channels, pixels: pixels)
    }
  }

  @Test
  func `noise has no upright; what is brighter on top has one, and so has what points to a side`() {
    #expect(PictureSymmetry(pictures(200, slope: (0, 0))).hasUpright == false)
    #expect(PictureSymmetry(pictures(200, slope: (-20, 0))).hasUpright == true)
    #expect(PictureSymmetry(pictures(200, slope: (0, 20))).hasUpright == true)
  }

  @Test func `the mean and the deviation are those of the values`() throws {
    let plain = pictures(40, slope: (0, 0), channels: 2)
    let found = try #require(PictureSymmetry(plain).normalization)
    let values = plain.flatMap { $0.pixels.map { Double($0) / 255 } }
    let mean = values.reduce(0, +) / Double(values.count)
    let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count))
      .squareRoot()
    #expect(found.channels == 2)
    #expect(found.mean.allSatisfy { abs(Double($0) - mean) < 0.01 })
    #expect(found.deviation.allSatisfy { abs(Double($0) - deviation) < 0.01 })
  }

  @Test func `few pictures, and pictures of different channels, say nothing`() {
    #expect(PictureSymmetry(pictures(15, slope: (0, 0))).hasUpright == nil)
    let mixed = pictures(20, slope: (0, 0)) + pictures(1, slope: (0, 0), channels: 1)
    #expect(PictureSymmetry(mixed).normalization == nil)
    let flat = Array(
      repeating: Raster(width: 4, height: 4, pixels: [UInt8](repeating: 7, count: 48)), count: 20)
    #expect(PictureSymmetry(flat).normalization?.deviation == [0.02, 0.02, 0.02])
    #expect(PictureSymmetry(flat).hasUpright == false)
  }

  @Test func `the sample is spread over all pictures`() {
    let sample = PictureSymmetry.sample(of: Array(0..<10_000))
    #expect(sample.count == 512 && sample.first == 0 && (sample.last ?? 0) > 9_900)
    #expect(PictureSymmetry.sample(of: [3, 4]) == [3, 4])
  }
}
