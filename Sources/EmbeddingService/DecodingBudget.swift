import Images

/// Bounds the memory of all pictures that are decoded at the same time, whichever model they are for.
///
/// A header of a few bytes can announce 50 million pixels. The cost is known from the header, before anything is
/// allocated; a thread whose picture does not fit waits until others have ended.
final class DecodingBudget: Sendable {
  private let memory: DecodingMemory

  /// A budget of `limit` bytes. A picture that costs more is decoded alone.
  init(limit: Int) { memory = DecodingMemory(byteLimit: limit) }

  /// Bytes of the pictures that are being decoded.
  var usedByteCount: Int { memory.heldByteCount }

  /// Decodes a picture and hands it to `body`, once there is room; the room is given back when `body` returns.
  ///
  /// - Throws: `ImageError`; what `body` throws.
  func decoded<Result>(
    _ picture: [UInt8], limits: ImageLimits, _ body: (Raster) throws -> Result
  ) throws -> Result {
    let cost = decodingCost(of: try readHeader(of: picture, limits: limits), picture.count)
    return try memory.hold(cost) { try body(try decode(picture, limits: limits)) }
  }
}

/// An upper bound of the bytes that decoding a picture takes besides the encoded ones: four bytes per pixel as the codec
/// delivers them, three as they are turned upright, and twelve of coefficients where a JPEG is progressive, since those
/// are all kept until the last scan. NumPy's planes have as many bytes decoded as encoded, twice when they are narrowed.
func decodingCost(of header: ImageHeader, _ encodedByteCount: Int) -> Int {
  let pixels = header.width * header.height
  guard header.format != .npy else { return 2 * encodedByteCount }
  return pixels * (header.isProgressive && header.format == .jpeg ? 19 : 7)
}
