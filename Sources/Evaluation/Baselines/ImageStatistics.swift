/// Numbers that need no training and no filters: what each channel of a picture holds.
///
/// For each channel there are six, side by side: the mean, the deviation (over N), the least and the greatest value,
/// and the mean absolute difference of horizontal and of vertical neighbours (0 where there are none).
public struct ImageStatistics: Sendable, Hashable {
  /// Numbers per channel.
  public static let perChannel = 6

  /// Channels of the pictures.
  public let channels: Int

  /// Statistics of pictures of that many channels.
  public init(channels: Int) {
    precondition(channels > 0)
    self.channels = channels
  }

  /// Features of a picture: `perChannel · channels`.
  public var dimension: Int { Self.perChannel * channels }

  /// The features `[N, dimension]` of pictures `[N, height, width, channels]`.
  public func features(of pictures: [Float], height: Int, width: Int) -> [Float] {
    let size = height * width * channels
    precondition(size > 0 && pictures.count % size == 0)
    var result: [Float] = []
    result.reserveCapacity(pictures.count / size * dimension)
    for first in stride(from: 0, to: pictures.count, by: size) {
      for channel in 0..<channels {
        var sums = ChannelSums(width: width, height: height)
        for i in 0..<height * width {
          let at = first + i * channels + channel
          let isLastInRow = (i + 1) % width == 0
          sums.add(
            pictures[at], right: isLastInRow ? nil : pictures[at + channels],
            below: i + width < height * width ? pictures[at + width * channels] : nil)
        }
        result += sums.statistics
      }
    }
    return result
  }
}

/// Sums over a channel's pixels, in float64.
private struct ChannelSums {
  let width: Int
  let height: Int
  var sum = 0.0
  var squares = 0.0
  var least = Float.infinity
  var greatest = -Float.infinity
  var across = 0.0
  var down = 0.0

  init(width: Int, height: Int) { (self.width, self.height) = (width, height) }

  mutating func add(_ value: Float, right: Float?, below: Float?) {
    sum += Double(value)
    squares += Double(value) * Double(value)
    least = min(least, value)
    greatest = max(greatest, value)
    if let right { across += Double(abs(right - value)) }
    if let below { down += Double(abs(below - value)) }
  }

  var statistics: [Float] {
    let count = Double(width * height)
    let mean = sum / count
    let variance = max(0, squares / count - mean * mean)
    return [
      Float(mean), Float(variance.squareRoot()), least, greatest,
      Float(across / Double(max(1, (width - 1) * height))),
      Float(down / Double(max(1, width * (height - 1)))),
    ]
  }
}
