internal import Randomness
public import Tensors

/// Where random patches are taken from: some of the pictures, and some positions in each of them.
///
/// It is a pure function of its arguments, and at most `pictureLimit` pictures are read, however many there are.
public struct PatchSample: Sendable, Hashable {
  /// The patches drawn: enough for a covariance of up to 16 channels.
  public static let patchCount = 20_000
  /// The most pictures that patches are taken from.
  public static let pictureLimit = 2_000

  /// The pictures that are read, each once, in a random order.
  public let pictures: [Int]
  /// Patches taken from each of them.
  public let patchesPerPicture: Int
  private let seed: UInt64

  /// A sample of `pictureCount` pictures, at least one.
  public init(pictureCount: Int, seed: UInt64) {
    precondition(pictureCount > 0)
    self.seed = seed
    pictures = shuffledPrefix(min(pictureCount, Self.pictureLimit), of: pictureCount, seed: seed)
    patchesPerPicture = (Self.patchCount + pictures.count - 1) / pictures.count
  }

  /// The patches `[patchesPerPicture, kernelSize, kernelSize, channels]` of the picture with the number `index`.
  ///
  /// `picture` is `[height, width, channels]`, and no side is less than `kernelSize`.
  public func patches(
    of picture: [Float], index: Int, height: Int, width: Int, channels: Int, kernelSize: Int
  ) -> [Float] {
    precondition(height >= kernelSize && width >= kernelSize && kernelSize > 0)
    precondition(picture.count == height * width * channels)
    // Lane 0 of a picture belongs to other draws for evaluation.
    var random = RandomStream(seed: seed, purpose: .evaluation, index: index, lane: 1)
    var result: [Float] = []
    result.reserveCapacity(patchesPerPicture * kernelSize * kernelSize * channels)
    for _ in 0..<patchesPerPicture {
      let y = random.index(below: height - kernelSize + 1)
      let x = random.index(below: width - kernelSize + 1)
      for row in y..<y + kernelSize {
        let first = (row * width + x) * channels
        result += picture[first..<first + kernelSize * channels]
      }
    }
    return result
  }
}

/// The first `count` of `0 ..< total` in a random order, by Fisher and Yates; `count ≤ total`. Each epoch and lane has an
/// order of its own.
func shuffledPrefix(
  _ count: Int, of total: Int, seed: UInt64, epoch: Int = 0, lane: Int = 0
) -> [Int] {
  var random = RandomStream(seed: seed, purpose: .evaluation, epoch: epoch, lane: lane)
  var order = Array(0..<total)
  for i in 0..<count {
    order.swapAt(i, i + random.index(below: total - i))
  }
  return Array(order.prefix(count))
}

extension WhitenedPatches {
  /// Filters from random patches of `pictureCount` pictures `[height, width, channels]`, values 0…1.
  ///
  /// `picture` gives the picture of a number below `pictureCount`; it is asked for at most `PatchSample.pictureLimit`
  /// of them. The same arguments give the same filters.
  ///
  /// - Throws: what `picture` throws, else as `init(patches:)`.
  public init(
    pictureCount: Int, height: Int, width: Int, channels: Int, seed: UInt64,
    count: Int = defaultCount, kernelSize: Int = defaultKernelSize, bias: Float = defaultBias,
    signs: Signs = .both, threads: ThreadBudget, picture: (Int) throws -> [Float]
  ) throws {
    let sample = PatchSample(pictureCount: pictureCount, seed: seed)
    var patches: [Float] = []
    for index in sample.pictures {
      patches += sample.patches(
        of: try picture(index), index: index, height: height, width: width, channels: channels,
        kernelSize: kernelSize)
    }
    // A picture's patches stand side by side: strides through them give filters from as many pictures as there are.
    let size = kernelSize * kernelSize * channels
    var mixed: [Float] = []
    mixed.reserveCapacity(patches.count)
    for offset in 0..<sample.patchesPerPicture {
      for place in sample.pictures.indices {
        let first = (place * sample.patchesPerPicture + offset) * size
        mixed += patches[first..<first + size]
      }
    }
    try self.init(
      patches: mixed, kernelSize: kernelSize, channels: channels, count: count, bias: bias,
      signs: signs, threads: threads)
  }
}
