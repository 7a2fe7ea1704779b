import CImageCodecs

extension Raster {
  /// The picture, of three channels, as a baseline JPEG of libjpeg's `quality`, 1…100; `fullChroma` keeps colour at full
  /// resolution in place of a quarter.
  ///
  /// - Throws: `outOfMemory`, or `corrupt` with the encoder's words.
  public func jpeg(quality: Int = 90, fullChroma: Bool = false) throws(ImageError) -> [UInt8] {
    precondition(channels == 3, "A JPEG of \(channels) channels.")
    return try unsafe encoded { bytes, count, message in
      unsafe byol_jpeg_encode(
        pixels, Int32(width), Int32(height), Int32(quality), fullChroma ? 1 : 0, bytes, count,
        message)
    }
  }

  /// The picture, of three channels, as an 8-bit RGB PNG.
  ///
  /// - Throws: `outOfMemory`, or `corrupt` with the encoder's words.
  public func png() throws(ImageError) -> [UInt8] {
    precondition(channels == 3, "A PNG of \(channels) channels.")
    return try unsafe encoded { bytes, count, message in
      unsafe byol_png_encode(pixels, Int32(width), Int32(height), bytes, count, message)
    }
  }

  private func encoded(
    _ encode: (
      UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>, UnsafeMutablePointer<Int>,
      UnsafeMutablePointer<CChar>
    ) -> Int32
  ) throws(ImageError) -> [UInt8] {
    var bytes: UnsafeMutablePointer<UInt8>? = nil
    var count = 0
    try unsafe withMessage { (message) throws(ImageError) in
      try unsafe check(encode(&bytes, &count, message), message)
    }
    defer { unsafe byol_free(bytes) }
    return unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
  }
}

/// CRC-32 as zlib computes it, going on from `seed` (0 at first).
public func crc32(_ bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
  unsafe byol_crc32(seed, bytes, bytes.count)
}

/// CRC-32 of bytes that someone else owns.
@unsafe
public func crc32(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
  unsafe byol_crc32(seed, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
}

/// A 128-bit hash of a file's bytes, for finding equal files; not made against an adversary.
public struct ContentHash: Hashable, Sendable {
  private let high: UInt64
  private let low: UInt64

  /// Both halves.
  public var words: [UInt64] { [high, low] }

  /// The hash with these halves.
  public init(words: [UInt64]) { (high, low) = (words[0], words[1]) }

  /// The hash of `bytes`.
  public init(_ bytes: [UInt8]) {
    var words: [UInt64] = [0, 0]
    unsafe byol_hash128(bytes, bytes.count, &words)
    (high, low) = (words[0], words[1])
  }
}
