import Durability
import Glibc
public import Images
import Randomness

/// Draws the embedded demo's pictures: ten kinds of pattern whose colours, place, turn, size, thickness
/// and noise vary freely, so that none of these gives the kind away.
///
/// A picture is a pure function of (seed, index).
public struct DemoPictures: Hashable, Sendable {
  /// The seed of all pictures.
  public let seed: UInt64
  /// The pictures' side in pixels.
  public let side: Int

  /// The pictures of a seed.
  public init(seed: UInt64 = 1, side: Int = 32) {
    precondition(side > 0, "Pictures of \(side) pixels a side.")
    self.seed = seed
    self.side = side
  }

  /// The kind of the picture at `index`: the kinds take turns.
  public func kind(at index: Int) -> DemoKind {
    DemoKind.allCases[index % DemoKind.allCases.count]
  }

  /// The picture at `index`, which counts from 0.
  public func picture(at index: Int) -> Raster {
    var random = RandomStream(seed: seed, purpose: .demo, index: index)
    let pattern = DemoPattern(kind: kind(at: index), side: side, using: &random)
    let palette = DemoPalette(using: &random)
    let noise = random.uniform(in: 0...0.03)
    var pixels: [UInt8] = []
    pixels.reserveCapacity(side * side * 3)
    for y in 0..<side {
      for x in 0..<side {
        let ink = coverage(of: pattern, x: x, y: y)
        let color = palette.color(ink: ink, x: Float(x) / Float(side), y: Float(y) / Float(side))
        for channel in 0..<3 {
          let level = color[channel] + noise * (random.uniform() + random.uniform() - 1)
          pixels.append(UInt8(max(0, min(255, level * 255 + 0.5))))
        }
      }
    }
    return Raster(width: side, height: side, pixels: pixels)
  }

  /// The share of a pixel that is ink, from four points in it.
  private func coverage(of pattern: DemoPattern, x: Int, y: Int) -> Float {
    var hits: Float = 0
    for dy in [Float(0.25), 0.75] {
      for dx in [Float(0.25), 0.75] where pattern.isInk(Float(x) + dx, Float(y) + dy) {
        hits += 0.25
      }
    }
    return hits
  }

  /// Draws `train` + `test` pictures and admits them into `directory` like any other data set, the kinds
  /// as labels.
  ///
  /// - Throws: `AdmissionError`, when the pack cannot be written.
  @discardableResult
  public func write(
    into directory: String, train: Int = 2000, test: Int = 500, threads: Int = 1
  ) throws(AdmissionError) -> AdmissionReport {
    try PackWriting(
      directory: directory, fingerprint: nil, limits: AdmissionLimits(), threads: threads,
      fileSystem: DiskFileSystem(), progress: nil
    ).write { () throws(AdmissionError) in
      DemoReader(pictures: self, train: train, test: test)
    }
  }
}

/// The colours of a picture: the hue turns from one side to the other, so that no part has the whole's
/// colours, and ink differs from ground in lightness, either way.
private struct DemoPalette {
  private let hue: Float
  private let hueChange: SIMD2<Float>
  private let chroma: Float
  private let lightness: (ground: Float, ink: Float)

  init(using random: inout RandomStream) {
    hue = random.uniform()
    let angle = random.uniform(in: 0...2 * .pi)
    hueChange = SIMD2(cos(angle), sin(angle)) * random.uniform(in: 0.5...1.5)
    chroma = random.uniform(in: 0.03...0.1)
    let middle = random.uniform(in: 0.42...0.58)
    let half = random.uniform(in: 0.25...0.4) * (random.bernoulli(0.5) ? 1 : -1)
    lightness = (middle - half, middle + half)
  }

  /// The colour at a place in 0…1 by 0…1 where `amount` of the pixel is ink.
  func color(ink amount: Float, x: Float, y: Float) -> SIMD3<Float> {
    let turns = hue + hueChange.x * x + hueChange.y * y
    let thirds = SIMD3(turns, turns + 1 / 3, turns + 2 / 3)
    let level = lightness.ground + amount * (lightness.ink - lightness.ground)
    return level + chroma * SIMD3(wave(thirds.x), wave(thirds.y), wave(thirds.z))
  }

  private func wave(_ turns: Float) -> Float { cos(2 * .pi * turns) }
}

/// The demo's pictures as the entries of a source; drawn by the threads that prepare them.
private final class DemoReader: EntryReader {
  private let pictures: DemoPictures
  private let train: Int
  private let test: Int
  private var index = 0
  var byteCount: Int { 0 }

  init(pictures: DemoPictures, train: Int, test: Int) {
    self.pictures = pictures
    self.train = train
    self.test = test
  }

  func next() -> SourceEntry? {
    guard index < train + test else { return nil }
    defer { index += 1 }
    let (pictures, index) = (pictures, index)
    let split = index < train ? Split.train : .test
    return SourceEntry(
      name: "\(split.name)/\(pictures.kind(at: index).rawValue)/\(index).png",
      content: .drawn { pictures.picture(at: index) })
  }
}
