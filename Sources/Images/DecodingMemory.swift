import Threads

/// A bound on the bytes that decoding holds at once, over all threads that share it: who wants more waits.
public final class DecodingMemory: Sendable {
  private let byteLimit: Int
  private let held = Monitor(0)

  /// Memory of `byteLimit` bytes.
  public init(byteLimit: Int) { self.byteLimit = byteLimit }

  /// Runs `body` while `byteCount` bytes are held for it, waiting until there is room. More than there are in all are given
  /// when nobody else holds any. `body` must not ask for more of the same memory: it could wait for itself.
  public func hold<Result, Failure: Error>(
    _ byteCount: Int, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let wanted = min(byteCount, byteLimit)
    held.wait(until: { $0 + wanted <= self.byteLimit }) { $0 += wanted }
    defer { held.withLock { $0 -= wanted } }
    return try body()
  }
}

extension ImageHeader {
  /// The most bytes that decoding the picture holds at once: pixels, their copy turned upright, and the codec's own
  /// memory. Judged from the header alone; the encoded bytes are not counted.
  public var decodingByteCount: Int {
    let pixelCount = width * height
    let turned = orientation == .upright ? 0 : 3 * pixelCount
    return pixelCount * channels + turned + codecByteCount + ImageHeader.tableByteCount
  }

  /// Tables, rows and buffers that do not grow with the number of pixels, or only with a side.
  private static let tableByteCount = 4 << 20
  /// `MAX_COEFFICIENT_BYTES` of `jpeg.c`: beyond it a progressive JPEG is refused there.
  private static let coefficientByteLimit = 240 << 20

  private var codecByteCount: Int {
    let pixelCount = width * height
    switch format {
    case .jpeg where isProgressive:
      // The coefficients of all scans, two bytes for each of four samples at most.
      return min(8 * pixelCount, ImageHeader.coefficientByteLimit)
    // Lossless WebP holds its pixels as four bytes, and rows of them; lossy holds less.
    case .webp: return 5 * pixelCount
    case .jpeg, .png, .gif, .npy: return 0
    }
  }
}
