import Threads

/// A bound on the bytes that decoding holds at once, over all threads that share it: who wants more waits.
public final class DecodingMemory: Sendable {
  private struct State {
    var held = 0
    /// Tickets keep the order: who wants much is not overtaken for ever by others whose little still fits.
    var nextTicket = 0
    var serving = 0
  }

  private let byteLimit: Int
  private let state = Monitor(State())

  /// Memory of `byteLimit` bytes, at least 1.
  public init(byteLimit: Int) {
    precondition(byteLimit > 0, "\(byteLimit) bytes")
    self.byteLimit = byteLimit
  }

  /// Bytes that are held.
  public var heldByteCount: Int { state.withLock { $0.held } }

  /// Runs `body` while `byteCount` bytes are held for it, waiting for its turn and until there is room. More than there
  /// are in all are given when nobody else holds any. `body` must not ask for more of the same memory: it could wait for itself.
  public func hold<Result, Failure: Error>(
    _ byteCount: Int, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let wanted = min(byteCount, byteLimit)
    let ticket = state.withLock { state in
      defer { state.nextTicket += 1 }
      return state.nextTicket
    }
    state.wait { state in
      state.serving == ticket && state.held + wanted <= byteLimit
    } then: { state in
      state.serving += 1
      state.held += wanted
    }
    defer { state.withLock { $0.held -= wanted } }
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
