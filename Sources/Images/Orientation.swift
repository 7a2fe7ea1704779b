/// How a picture's stored rows are to be turned for display: EXIF's eight orientations.
public enum Orientation: Int, Sendable, CaseIterable {
  /// As stored.
  case upright = 1
  /// Mirrored left to right.
  case mirrored = 2
  /// Turned by 180 degrees.
  case upsideDown = 3
  /// Mirrored top to bottom.
  case flipped = 4
  /// Mirrored about the diagonal from the top left.
  case transposed = 5
  /// To be turned clockwise by 90 degrees.
  case turnedLeft = 6
  /// Mirrored about the diagonal from the top right.
  case transversed = 7
  /// To be turned anticlockwise by 90 degrees.
  case turnedRight = 8

  /// True where width and height change places.
  public var swapsSides: Bool { rawValue >= 5 }
}

extension Orientation {
  /// The orientation in a picture's EXIF block; `upright` where there is none or it is malformed.
  public init(of bytes: [UInt8], format: ImageFormat) {
    let block: Range<Int>? =
      switch format {
      case .jpeg: exifSegment(ofJPEG: bytes)
      case .png: chunk("eXIf", of: bytes, from: 8, isPNG: true)
      case .webp: chunk("EXIF", of: bytes, from: 12, isPNG: false)
      case .gif, .npy: nil
      }
    self = block.flatMap { orientation(inTIFF: withoutPrefix(bytes[$0])) } ?? .upright
  }
}

/// The content of the first EXIF segment before the picture's data.
private func exifSegment(ofJPEG bytes: [UInt8]) -> Range<Int>? {
  var offset = 2
  while offset + 4 <= bytes.count, bytes[offset] == 0xFF {
    let marker = bytes[offset + 1]
    if marker == 0xFF {
      offset += 1
      continue
    }
    if marker == 0xDA || marker == 0xD9 { return nil }
    if (0xD0...0xD7).contains(marker) || marker == 0x01 {
      offset += 2
      continue
    }
    let length = Int(bytes[offset + 2]) << 8 | Int(bytes[offset + 3])
    let segment = offset + 4..<offset + 2 + max(2, length)
    guard segment.upperBound <= bytes.count else { return nil }
    if marker == 0xE1, bytes[segment].starts(with: exifPrefix) { return segment }
    offset = segment.upperBound
  }
  return nil
}

private let exifPrefix = Array("Exif\0\0".utf8)

/// JPEG's prefix is found in some WebP files too.
private func withoutPrefix(_ block: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
  block.starts(with: exifPrefix) ? block.dropFirst(exifPrefix.count) : block
}

/// The content of the first chunk called `name`: PNG's have a big-endian length before the name and a
/// checksum behind, WebP's the name first, a little-endian length, and an even count of bytes.
private func chunk(_ name: String, of bytes: [UInt8], from start: Int, isPNG: Bool) -> Range<Int>? {
  var offset = start
  while offset + 8 <= bytes.count {
    let nameAt = isPNG ? offset + 4 : offset
    let lengthBytes = isPNG ? bytes[offset..<offset + 4] : bytes[offset + 4..<offset + 8]
    let ordered = isPNG ? Array(lengthBytes) : lengthBytes.reversed()
    let length = ordered.reduce(0) { $0 << 8 | Int($1) }
    let content = offset + 8..<offset + 8 + length
    guard content.upperBound <= bytes.count else { return nil }
    if bytes[nameAt..<nameAt + 4].elementsEqual(name.utf8) { return content }
    offset = content.upperBound + (isPNG ? 4 : length % 2)
  }
  return nil
}

/// The orientation tag of the first directory of a TIFF block.
private func orientation(inTIFF tiff: ArraySlice<UInt8>) -> Orientation? {
  let reader = TIFFReader(bytes: Array(tiff.prefix(65_536)))
  guard let reader, let directory = reader.word32(at: 4), let count = reader.word16(at: directory)
  else { return nil }
  for entry in 0..<count {
    let at = directory + 2 + 12 * entry
    guard let tag = reader.word16(at: at), let kind = reader.word16(at: at + 2) else { return nil }
    if tag == 0x0112 {
      let value = kind == 4 ? reader.word32(at: at + 8) : reader.word16(at: at + 8)
      return value.flatMap(Orientation.init(rawValue:))
    }
  }
  return nil
}

/// Numbers of a TIFF block in its own byte order; nil outside the block.
private struct TIFFReader {
  let bytes: [UInt8]
  let littleEndian: Bool

  init?(bytes: [UInt8]) {
    if bytes.starts(with: [0x49, 0x49, 0x2A, 0]) {
      littleEndian = true
    } else if bytes.starts(with: [0x4D, 0x4D, 0, 0x2A]) {
      littleEndian = false
    } else {
      return nil
    }
    self.bytes = bytes
  }

  func word16(at offset: Int) -> Int? { number(at: offset, byteCount: 2) }
  func word32(at offset: Int) -> Int? { number(at: offset, byteCount: 4) }

  private func number(at offset: Int, byteCount: Int) -> Int? {
    guard offset >= 0, offset + byteCount <= bytes.count else { return nil }
    let part = bytes[offset..<offset + byteCount]
    let ordered = littleEndian ? Array(part.reversed()) : Array(part)
    return ordered.reduce(0) { $0 << 8 | Int($1) }
  }
}

extension Raster {
  /// The picture turned for display.
  public func turned(_ orientation: Orientation) -> Raster {
    guard orientation != .upright else { return self }
    let (w, h) = orientation.swapsSides ? (height, width) : (width, height)
    var turned = [UInt8](repeating: 0, count: pixels.count)
    for y in 0..<h {
      for x in 0..<w {
        let (sx, sy) = source(x, y, orientation)
        let (from, to) = ((sy * width + sx) * channels, (y * w + x) * channels)
        for c in 0..<channels { turned[to + c] = pixels[from + c] }
      }
    }
    return Raster(width: w, height: h, channels: channels, pixels: turned)
  }

  /// The stored position of the displayed pixel (x, y).
  private func source(_ x: Int, _ y: Int, _ orientation: Orientation) -> (Int, Int) {
    switch orientation {
    case .upright: (x, y)
    case .mirrored: (width - 1 - x, y)
    case .upsideDown: (width - 1 - x, height - 1 - y)
    case .flipped: (x, height - 1 - y)
    case .transposed: (y, x)
    case .turnedLeft: (y, height - 1 - x)
    case .transversed: (width - 1 - y, height - 1 - x)
    case .turnedRight: (width - 1 - y, x)
    }
  }
}
