/// A decoded picture: 8-bit RGB, row by row from the top, three bytes a pixel, no padding.
public struct RGBImage: Hashable, Sendable {
  /// Pixels a row, at least 1.
  public let width: Int
  /// Rows, at least 1.
  public let height: Int
  /// `height · width · 3` bytes.
  public let pixels: [UInt8]

  /// The picture with these pixels; the count of bytes must be `width · height · 3`.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(
      width > 0 && height > 0 && pixels.count == width * height * 3,
      "\(pixels.count) bytes for \(width) x \(height) pixels of 3.")
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// Red, green and blue at column `x` of row `y`, both counted from 0 at the top left.
  public subscript(x: Int, y: Int) -> (UInt8, UInt8, UInt8) {
    let first = (y * width + x) * 3
    return (pixels[first], pixels[first + 1], pixels[first + 2])
  }
}

/// A picture whose bytes someone else owns (a mapped pack, say), laid out as in `RGBImage`.
///
/// Valid for as long as its owner keeps the bytes; made to be used at once and never stored.
@unsafe
public struct PixelView {
  /// The first byte of the first row.
  public let pixels: UnsafePointer<UInt8>
  /// Pixels a row.
  public let width: Int
  /// Rows.
  public let height: Int
  /// True where every pixel is known to be gray.
  public let isGray: Bool

  /// A view of `height · width · 3` bytes.
  public init(pixels: UnsafePointer<UInt8>, width: Int, height: Int, isGray: Bool = false) {
    unsafe self.pixels = pixels
    unsafe self.isGray = isGray
    unsafe self.width = width
    unsafe self.height = height
  }
}

extension RGBImage {
  /// Calls `body` with a view of the pixels, valid during the call only; `isGray` says that all of them are gray.
  public func withPixels<Result, Failure: Error>(
    isGray: Bool = false, _ body: (PixelView) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let (width, height) = (width, height)
    return try unsafe pixels.span.withUnsafeBufferPointer { buffer throws(Failure) in
      guard let first = buffer.baseAddress else { preconditionFailure("No pixels.") }
      return try unsafe body(
        PixelView(pixels: first, width: width, height: height, isGray: isGray))
    }
  }

  /// A picture of `width · height · 3` bytes that `fill` writes.
  static func filled<Failure: Error>(
    width: Int, height: Int, _ fill: (UnsafeMutablePointer<UInt8>) throws(Failure) -> Void
  ) throws(Failure) -> RGBImage {
    let count = width * height * 3
    var failure: Failure?
    let pixels = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      guard let first = buffer.baseAddress else { return }
      do throws(Failure) {
        try unsafe fill(first)
        filled = count
      } catch { failure = error }
    }
    if let failure { throw failure }
    return RGBImage(width: width, height: height, pixels: pixels)
  }
}

extension RGBImage {
  /// True where red, green and blue are equal in every pixel.
  public var isGray: Bool {
    var first = 0
    while first < pixels.count {
      let red = pixels[first]
      guard pixels[first + 1] == red, pixels[first + 2] == red else { return false }
      first += 3
    }
    return true
  }
}
