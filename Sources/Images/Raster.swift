/// A decoded picture: 8 bits per channel, row by row from the top, the channels of a pixel side by side, no padding.
///
/// Three channels are red, green and blue; of other numbers nothing is known but that one is light.
public struct Raster: Hashable, Sendable {
  /// The numbers of channels that pictures may have.
  public static let channelCounts = 1...16

  /// Pixels per row, at least 1.
  public let width: Int
  /// Rows, at least 1.
  public let height: Int
  /// Bytes per pixel, within `channelCounts`.
  public let channels: Int
  /// `height · width · channels` bytes.
  public let pixels: [UInt8]

  /// The picture with these pixels; the count of bytes must be `width · height · channels`.
  public init(width: Int, height: Int, channels: Int = 3, pixels: [UInt8]) {
    precondition(
      width > 0 && height > 0 && Raster.channelCounts.contains(channels)
        && pixels.count == width * height * channels,
      "\(pixels.count) bytes for \(width) x \(height) pixels of \(channels).")
    self.width = width
    self.height = height
    self.channels = channels
    self.pixels = pixels
  }

  /// Red, green and blue at column `x` of row `y`, both counted from 0 at the top left; for three channels.
  public subscript(x: Int, y: Int) -> (UInt8, UInt8, UInt8) {
    precondition(channels == 3, "\(channels) channels are no colour.")
    let first = (y * width + x) * 3
    return (pixels[first], pixels[first + 1], pixels[first + 2])
  }
}

/// A picture whose bytes someone else owns (a mapped pack, say), laid out as in `Raster`.
///
/// Valid for as long as its owner keeps the bytes; made to be used at once and never stored.
@unsafe
public struct PixelView {
  /// The first byte of the first row.
  public let pixels: UnsafePointer<UInt8>
  /// Pixels per row.
  public let width: Int
  /// Rows.
  public let height: Int
  /// Bytes per pixel.
  public let channels: Int
  /// True where every pixel is known to be gray.
  public let isGray: Bool

  /// A view of `height · width · channels` bytes.
  public init(
    pixels: UnsafePointer<UInt8>, width: Int, height: Int, channels: Int = 3, isGray: Bool = false
  ) {
    unsafe self.pixels = pixels
    unsafe self.channels = channels
    unsafe self.isGray = isGray
    unsafe self.width = width
    unsafe self.height = height
  }
}

extension Raster {
  /// Calls `body` with a view of the pixels, valid during the call only; `isGray` says that all of them are gray.
  public func withPixels<Result, Failure: Error>(
    isGray: Bool = false, _ body: (PixelView) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let (width, height, channels) = (width, height, channels)
    return try unsafe pixels.span.withUnsafeBufferPointer { buffer throws(Failure) in
      guard let first = buffer.baseAddress else { preconditionFailure("No pixels.") }
      return try unsafe body(
        PixelView(
          pixels: first, width: width, height: height, channels: channels, isGray: isGray))
    }
  }

  /// A picture of `width · height · channels` bytes that `fill` writes.
  static func filled<Failure: Error>(
    width: Int, height: Int, channels: Int = 3,
    _ fill: (UnsafeMutablePointer<UInt8>) throws(Failure) -> Void
  ) throws(Failure) -> Raster {
    let count = width * height * channels
    var failure: Failure?
    let pixels = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      guard let first = buffer.baseAddress else { return }
      do throws(Failure) {
        try unsafe fill(first)
        filled = count
      } catch { failure = error }
    }
    if let failure { throw failure }
    return Raster(width: width, height: height, channels: channels, pixels: pixels)
  }
}

extension Raster {
  /// Three channels to look at: those of a picture of three, one repeated, the first three of more.
  public var shown: Raster {
    guard channels != 3 else { return self }
    let shownChannels = (0..<3).map { min($0, channels < 3 ? 0 : channels - 1) }
    var colors: [UInt8] = []
    colors.reserveCapacity(width * height * 3)
    for first in stride(from: 0, to: pixels.count, by: channels) {
      for channel in shownChannels { colors.append(pixels[first + channel]) }
    }
    return Raster(width: width, height: height, pixels: colors)
  }

  /// True where red, green and blue are equal in every pixel, or there is one channel.
  public var isGray: Bool {
    guard channels == 3 else { return channels == 1 }
    var first = 0
    while first < pixels.count {
      let red = pixels[first]
      guard pixels[first + 1] == red, pixels[first + 2] == red else { return false }
      first += 3
    }
    return true
  }
}
