import Randomness

/// The order in which one epoch shows its pictures: a permutation that is a pure function of
/// (seed, epoch, count).
public struct PictureOrder: Hashable, Sendable {
  /// Position to picture: each of `0 ..< count` once.
  public let pictures: [Int]

  /// The order of `count` pictures in `epoch`, which counts from 0.
  public init(seed: UInt64, epoch: Int, count: Int) {
    var random = RandomStream(seed: seed, purpose: .order, epoch: epoch)
    var pictures = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) {
      pictures.swapAt(last, random.index(below: last + 1))
    }
    self.pictures = pictures
  }

  /// The pictures of batch `batch` of `size`; the last incomplete batch of an epoch is dropped.
  public func batch(_ batch: Int, size: Int) -> ArraySlice<Int> {
    precondition(
      batch >= 0 && (batch + 1) * size <= pictures.count,
      "Batch \(batch) of \(size) among \(pictures.count) pictures.")
    return pictures[batch * size..<(batch + 1) * size]
  }

  /// Whole batches in an epoch of `count` pictures.
  public static func batches(of size: Int, count: Int) -> Int { count / size }
}
