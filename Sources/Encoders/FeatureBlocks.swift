/// Which features of a picture an embedding head maps, in their order.
///
/// The features of a block are those of one stage of the encoder, or those of convolutions with whitened patches over a part of
/// the picture, at its size or at half of it.
public struct FeatureBlocks: Hashable, Sendable {
  /// Stages of the encoder, each of which is a block.
  public var stages: Int
  /// Whether the quadrants of the picture have features of their own beside those of the whole.
  public var hasQuadrants: Bool
  /// Whether the patches are looked for in the picture at half its size too: what is too large for a kernel of three pixels
  /// then fits into it.
  public var hasHalfScale: Bool

  /// The quadrants of a picture.
  static let quadrants = 4
  static let quadrantNames = (1...quadrants).map { "quadrant\($0)" }

  /// The name at half the size of what has a name at its size.
  static func halfName(_ name: String) -> String { "half_" + name }

  /// Some blocks.
  public init(stages: Int, hasQuadrants: Bool, hasHalfScale: Bool) {
    (self.stages, self.hasQuadrants, self.hasHalfScale) = (stages, hasQuadrants, hasHalfScale)
  }

  /// The blocks of heads of format version 2.
  static func ofVersion2(stages: Int) -> FeatureBlocks {
    FeatureBlocks(stages: stages, hasQuadrants: true, hasHalfScale: false)
  }

  /// The blocks that have just these names; nil where there are none.
  init?(named names: Set<String>, stages: Int) {
    let every = [true, false].flatMap { quadrants in
      [true, false].map {
        FeatureBlocks(stages: stages, hasQuadrants: quadrants, hasHalfScale: $0)
      }
    }
    guard let found = every.first(where: { Set($0.names) == names }) else { return nil }
    self = found
  }

  /// The names of the blocks: `stage1`…, `patches`, `quadrant1`…, `half_patches`, `half_quadrant1`….
  public var names: [String] {
    let patches = ["patches"] + (hasQuadrants ? Self.quadrantNames : [])
    return (1...stages).map { "stage\($0)" } + patches
      + (hasHalfScale ? patches.map(Self.halfName) : [])
  }

  /// Features of each block, for so many channels of the stages and so many filters.
  func widths(stageChannels: [Int], filters: Int) -> [Int] {
    stageChannels + Array(repeating: filters, count: names.count - stages)
  }

  /// The variance that a block brings to the fit, as a multiple of the others'.
  ///
  /// Measured on hold-outs of the training pictures of EuroSAT and CIFAR-10 (decision 0026): the stages of a network of
  /// minutes help at a quarter of the patches' weight, and do harm at several times it. The four quadrants together weigh as much
  /// as the whole picture does.
  public static func weight(of name: String) -> Double {
    name.hasPrefix("stage") ? 0.25 : name.contains("quadrant") ? 1 / Double(quadrants) : 1
  }
}

// MARK: - Parts of a picture

extension FeatureBlocks {
  /// The side of the quadrants of a picture of `side` pixels. Where the side is odd, they leave out its middle.
  static func quadrantSide(_ side: Int) -> Int { side / 2 }

  /// The side of the quadrants at half the size. Where theirs is odd, the last row and column are left out.
  static func halfSide(_ side: Int) -> Int { quadrantSide(side) / 2 }

  /// Whether a kernel fits into the quadrants of a picture of `side` pixels at half its size.
  public static func hasHalfScale(side: Int) -> Bool {
    halfSide(side) >= EmbeddingHead.kernelSize
  }

  /// The upper left corner of each quadrant: upper left, upper right, lower left, lower right.
  static func quadrantCorners(_ side: Int) -> [(top: Int, left: Int)] {
    let far = side - quadrantSide(side)
    return [(0, 0), (0, far), (far, 0), (far, far)]
  }

  /// The quadrants of pictures `[N, S, S, C]`, each `[N, S/2, S/2, C]`.
  static func quadrants(of pictures: [Float], side: Int, channels: Int) -> [[Float]] {
    let (half, row) = (quadrantSide(side), side * channels)
    let count = pictures.count / (side * row)
    return quadrantCorners(side).map { top, left in
      var quadrant: [Float] = []
      quadrant.reserveCapacity(count * half * half * channels)
      for picture in 0..<count {
        for y in top..<top + half {
          let first = (picture * side + y) * row + left * channels
          quadrant += pictures[first..<first + half * channels]
        }
      }
      return quadrant
    }
  }

  /// Pictures `[N, S, S, C]` at half their size, `[N, S/2, S/2, C]`: the means of two by two pixels.
  static func halves(of pictures: [Float], side: Int, channels: Int) -> [Float] {
    let (half, row) = (side / 2, side * channels)
    let count = pictures.count / (side * row)
    var result: [Float] = []
    result.reserveCapacity(count * half * half * channels)
    for picture in 0..<count {
      for y in 0..<half {
        for x in 0..<half {
          let first = (picture * side + 2 * y) * row + 2 * x * channels
          for place in first..<first + channels {
            result.append(
              (pictures[place] + pictures[place + channels] + pictures[place + row]
                + pictures[place + row + channels]) / 4)
          }
        }
      }
    }
    return result
  }
}
