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
