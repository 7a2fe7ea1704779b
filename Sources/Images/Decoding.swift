import CImageCodecs

/// How a format stores colours.
public enum ChannelKind: String, Sendable, CaseIterable, Codable {
  /// Red, green and blue, or what they are computed from without loss of channels (YCbCr).
  case rgb
  /// One channel of light.
  case gray
  /// Numbers of colours in a table.
  case palette
  /// Four inks, YCCK among them.
  case cmyk
  /// Two or more than three channels, whatever they are.
  case planes

  init(_ kind: Int32) {
    switch Int(kind) {
    case BYOL_KIND_GRAY: self = .gray
    case BYOL_KIND_PALETTE: self = .palette
    case BYOL_KIND_CMYK: self = .cmyk
    default: self = .rgb
    }
  }
}

/// What a picture's header says.
public struct ImageHeader: Hashable, Sendable {
  /// The format that the bytes are in.
  public let format: ImageFormat
  /// Pixels per row as stored, before the orientation is applied.
  public let width: Int
  /// Rows as stored.
  public let height: Int
  /// How the stored rows are to be turned for display.
  public let orientation: Orientation
  /// How the colours are stored.
  public let kind: ChannelKind
  /// True where the picture has an alpha channel or a transparent colour.
  public let hasAlpha: Bool
  /// True for a JPEG of several scans (progressive, or baseline in parts) and an interlaced PNG or GIF.
  public let isProgressive: Bool
  /// Bits of a sample as stored: 1, 2, 4, 8 or 16. Those of 16 lose their low byte in decoding.
  public let bitsPerSample: Int
  /// The channels that the codec delivers: 3, or 4 with alpha; of NumPy's planes as many as there are.
  let channels: Int
}

/// What becomes of a picture's alpha channel.
public enum AlphaConversion: Sendable {
  /// The picture is laid over white.
  case overWhite
  /// Alpha is ignored: the stored colours are taken as they are.
  case dropped
}

/// Reads the header of `bytes` and holds it against `limits`; decodes no pixel.
///
/// - Throws: `empty`, `tooManyBytes`, `unsupportedFormat`, `tooLargeSide`, `tooManyPixels`,
///   `tooCostly`, `truncated` or `corrupt`.
public func readHeader(
  of bytes: [UInt8], limits: ImageLimits = ImageLimits()
) throws(ImageError) -> ImageHeader {
  guard !bytes.isEmpty else { throw ImageError(.empty, "The picture has no bytes.") }
  guard bytes.count <= limits.encodedByteCount else {
    throw ImageError(
      .tooManyBytes, "\(bytes.count) encoded bytes; \(limits.encodedByteCount) at most.")
  }
  guard let format = ImageFormat(sniffing: bytes) else {
    throw ImageError(
      .unsupportedFormat, ForeignFormat(sniffing: bytes)?.sentence ?? unknownFormatDetail(bytes))
  }
  if format == .npy { return try ImageHeader(PlanesFile(bytes), limits) }
  let stored = try storedHeader(of: bytes, format: format, eighths: 8)
  try limits.check(width: Int(stored.width), height: Int(stored.height))
  let header = ImageHeader(
    format: format, width: Int(stored.width), height: Int(stored.height),
    orientation: Orientation(of: bytes, format: format),
    kind: ChannelKind(stored.kind), hasAlpha: stored.channels == 4,
    isProgressive: stored.progressive != 0, bitsPerSample: Int(stored.bits),
    channels: Int(stored.channels))
  try limits.check(header)
  return header
}

extension ImageHeader {
  fileprivate init(_ planes: PlanesFile, _ limits: ImageLimits) throws(ImageError) {
    try limits.check(width: planes.width, height: planes.height)
    let kind: ChannelKind =
      switch planes.channels {
      case 1: .gray
      case 3: .rgb
      default: .planes
      }
    self.init(
      format: .npy, width: planes.width, height: planes.height, orientation: .upright, kind: kind,
      hasAlpha: false, isProgressive: false, bitsPerSample: 8, channels: planes.channels)
  }
}

private func unknownFormatDetail(_ bytes: [UInt8]) -> String {
  let read = ImageFormat.allCases.map { $0.rawValue.uppercased() }.joined(separator: ", ")
  // What a full disk, or a download that was reserved and never written, leaves.
  if bytes.allSatisfy({ $0 == 0 }) {
    return "All \(bytes.count) bytes are zero: the file was never written. Fetch it again."
  }
  return "The bytes begin like none of \(read). Convert the picture to one of these first."
}

/// Decodes a picture to 8-bit RGB, turned upright, its format judged by its bytes; NumPy's planes keep their channels.
///
/// Gray is repeated over the three channels, 16-bit samples keep their high byte, CMYK loses its ink
/// by `(255 − ink) · (255 − K) / 255`, alpha is laid over white. With `atLeast`, a JPEG may be decoded
/// at a half, a quarter or an eighth of its size, as long as its short side still has that many pixels.
/// - Throws: a code of `ImageError.Code`; nothing is kept.
public func decode(
  _ bytes: [UInt8], limits: ImageLimits = ImageLimits(), alpha: AlphaConversion = .overWhite,
  atLeast shortSide: Int? = nil
) throws(ImageError) -> Raster {
  let header = try readHeader(of: bytes, limits: limits)
  let image: Raster
  switch header.format {
  case .jpeg:
    image = try decodeJPEG(bytes, eighths: eighths(for: header, atLeast: shortSide))
  case .png, .webp, .gif:
    image = try decodeWhole(bytes, header: header, alpha: alpha)
  case .npy: image = try PlanesFile(bytes).image(bytes)
  }
  return image.turned(header.orientation)
}

/// The least of the scales 1/8, 1/4, 1/2 and 1, in eighths, whose short side still has `shortSide` pixels.
///
/// The library's other scales are not vectorised: 5/8 takes longer than the whole picture.
private func eighths(for header: ImageHeader, atLeast shortSide: Int?) -> Int {
  guard let shortSide else { return 8 }
  let short = min(header.width, header.height)
  return [1, 2, 4].first { short * $0 / 8 >= shortSide } ?? 8
}

/// Decodes a JPEG whose bytes someone else owns, as stored: the orientation is not applied.
///
/// - Throws: a code of `ImageError.Code`.
@unsafe
public func decodeJPEG(
  _ bytes: UnsafeBufferPointer<UInt8>, eighths: Int = 8
) throws(ImageError) -> Raster {
  let header = try unsafe withMessage { (message) throws(ImageError) in
    var header = byol_image_header()
    try unsafe check(
      byol_jpeg_header(bytes.baseAddress, bytes.count, Int32(eighths), &header, message), message)
    return header
  }
  return try unsafe Raster.filled(width: Int(header.width), height: Int(header.height)) {
    (pixels) throws(ImageError) in
    try unsafe withMessage { (message) throws(ImageError) in
      try unsafe check(
        byol_jpeg_decode(
          bytes.baseAddress, bytes.count, Int32(eighths), header.width, header.height, pixels,
          message), message)
    }
  }
}

private func decodeJPEG(_ bytes: [UInt8], eighths: Int) throws(ImageError) -> Raster {
  try unsafe bytes.span.withUnsafeBufferPointer { (buffer) throws(ImageError) in
    try unsafe decodeJPEG(buffer, eighths: eighths)
  }
}

/// Decodes a format that is always decoded at its full size.
private func decodeWhole(
  _ bytes: [UInt8], header: ImageHeader, alpha: AlphaConversion
) throws(ImageError) -> Raster {
  var pixels = [UInt8](repeating: 0, count: header.width * header.height * header.channels)
  try unsafe withMessage { (message) throws(ImageError) in
    let (width, height) = (Int32(header.width), Int32(header.height))
    let channels = Int32(header.channels)
    let code =
      switch header.format {
      case .jpeg, .npy: preconditionFailure("\(header.format) is decoded elsewhere.")
      case .png:
        unsafe byol_png_decode(bytes, bytes.count, width, height, channels, &pixels, message)
      case .webp:
        unsafe byol_webp_decode(bytes, bytes.count, width, height, channels, &pixels, message)
      case .gif:
        unsafe byol_gif_decode(bytes, bytes.count, width, height, channels, &pixels, message)
      }
    try unsafe check(code, message)
  }
  if header.channels == 4 {
    let count = header.width * header.height
    unsafe byol_remove_alpha(&pixels, count, alpha == .overWhite ? 1 : 0)
    pixels.removeLast(count)
  }
  return Raster(width: header.width, height: header.height, pixels: pixels)
}

private func storedHeader(
  of bytes: [UInt8], format: ImageFormat, eighths: Int32
) throws(ImageError) -> byol_image_header {
  try unsafe withMessage { (message) throws(ImageError) in
    var header = byol_image_header()
    let code =
      switch format {
      case .jpeg: unsafe byol_jpeg_header(bytes, bytes.count, eighths, &header, message)
      case .png: unsafe byol_png_header(bytes, bytes.count, &header, message)
      case .webp: unsafe byol_webp_header(bytes, bytes.count, &header, message)
      case .gif: unsafe byol_gif_header(bytes, bytes.count, &header, message)
      case .npy: preconditionFailure("Planes have a head of their own.")
      }
    try unsafe check(code, message)
    return header
  }
}

/// Calls `body` with room for a library's message.
func withMessage<Result>(
  _ body: (UnsafeMutablePointer<CChar>) throws(ImageError) -> Result
) throws(ImageError) -> Result {
  let room = UnsafeMutablePointer<CChar>.allocate(capacity: Int(BYOL_IMAGE_MESSAGE_BYTES))
  unsafe room.initialize(repeating: 0, count: Int(BYOL_IMAGE_MESSAGE_BYTES))
  defer { unsafe room.deallocate() }
  return try unsafe body(room)
}

/// Turns the shim's code into an error.
func check(_ code: Int32, _ message: UnsafeMutablePointer<CChar>) throws(ImageError) {
  guard code != BYOL_IMAGE_OK else { return }
  let text = unsafe String(cString: message)
  let kind: ImageError.Code =
    switch Int(code) {
    case BYOL_IMAGE_TRUNCATED: .truncated
    case BYOL_IMAGE_UNSUPPORTED: .unsupportedFormat
    case BYOL_IMAGE_MEMORY: .outOfMemory
    case BYOL_IMAGE_COSTLY: .tooCostly
    default: .corrupt
    }
  throw ImageError(kind, text.isEmpty ? "The decoder gave up." : text)
}
