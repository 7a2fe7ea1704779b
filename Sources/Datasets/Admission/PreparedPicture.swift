import Images

/// What became of one entry before it meets the others.
enum PreparedEntry: Sendable {
  case accepted(PreparedPicture)
  case rejected(AdmissionReport.Rejection)
  case skipped(AdmissionReport.Skipped)
}

/// A decoded and checked picture in the form in which it is stored.
struct PreparedPicture: Sendable {
  var packed: PackedPicture
  var hash: ContentHash
  var hasAlpha: Bool
  var kind: ChannelKind
  /// The short side of the picture as it came.
  var originalShortSide: Int
  /// How many bits its samples use, 8…16, where the file has 16 per sample; nil elsewhere.
  var usedBits: Int?
  /// Nil where the picture is too even to be compared.
  var thumbnail: PictureThumbnail?
}

/// How pictures are kept: small ones and those of other than three channels decoded, large ones as JPEG, no larger
/// than training can use.
enum StorageRule {
  /// Up to this many pixels a picture is stored decoded.
  static let decodedPixelCount = 128 * 128
  /// Larger pictures are scaled down so that their short side has this many pixels.
  static let shortSide = 512
  /// libjpeg's quality for pictures that are encoded anew.
  static let quality = 92

  /// The stored form of a picture that `scaledDown` gave; the file's own bytes where they are already right.
  static func pack(
    _ image: Raster, header: ImageHeader, name: String, bytes: [UInt8]
  ) throws(ImageError) -> PackedPicture {
    func packed(_ storage: PictureStorage, _ bytes: [UInt8]) -> PackedPicture {
      PackedPicture(
        name: name, width: image.width, height: image.height, channels: image.channels,
        isGray: header.kind == .gray || image.isGray, storage: storage, bytes: bytes)
    }
    if image.width * image.height <= decodedPixelCount || image.channels != 3 {
      return packed(.rgb, image.pixels)
    }
    if keepsFile(header) { return packed(.jpeg, bytes) }
    return packed(.jpeg, try image.jpeg(quality: quality, fullChroma: header.format != .jpeg))
  }

  private static func keepsFile(_ header: ImageHeader) -> Bool {
    header.format == .jpeg && !header.isProgressive && header.orientation == .upright
      && min(header.width, header.height) <= shortSide
  }

  /// The picture no larger than it is stored.
  static func scaledDown(_ image: Raster) -> Raster {
    let short = min(image.width, image.height)
    guard short > shortSide else { return image }
    return image.resized(
      width: max(1, image.width * shortSide / short),
      height: max(1, image.height * shortSide / short))
  }
}

extension PreparedEntry {
  /// Reads, decodes and packs one entry; a pure function of the entry's bytes.
  ///
  /// It waits until `memory` has room for what decoding holds.
  init(_ entry: SourceEntry, limits: AdmissionLimits, memory: DecodingMemory) {
    let name = entry.name
    guard name.utf8.count <= limits.pathByteCount else {
      let shown = String(decoding: name.utf8.prefix(limits.pathByteCount), as: UTF8.self)
      self = .reject(shown, .unsafePath, "The path has more than \(limits.pathByteCount) bytes.")
      return
    }
    switch entry.content {
    case .bytes(let bytes):
      self.init(name: name, bytes: bytes, limits: limits, memory: memory)
    case .file(let path):
      guard let bytes = readFile(path, limit: limits.image.encodedByteCount) else {
        self = .reject(name, .unreadable, "The file cannot be read.")
        return
      }
      self.init(name: name, bytes: bytes, limits: limits, memory: memory)
    case .drawn(let draw):
      self.init(name: name, drawn: draw(), memory: memory)
    case .refused(let code, let detail):
      self = .reject(name, code, detail)
    case .skipped(let reason):
      self = .skipped(.init(name: name, reason: reason))
    }
  }

  private init(name: String, bytes: [UInt8], limits: AdmissionLimits, memory: DecodingMemory) {
    if let reason = SourcePath.skipReason(name: name, head: bytes) {
      self = .skipped(.init(name: name, reason: reason))
      return
    }
    do throws(ImageError) {
      let header = try readHeader(of: bytes, limits: limits.image)
      self = .accepted(
        try memory.hold(header.decodingByteCount) { () throws(ImageError) in
          try PreparedPicture(name: name, bytes: bytes, header: header, limits: limits.image)
        })
    } catch {
      self = .reject(name, RejectionCode(error.code), error.detail)
    }
  }

  private init(name: String, drawn image: Raster, memory: DecodingMemory) {
    do throws(ImageError) {
      self.init(name: name, bytes: try image.png(), limits: AdmissionLimits(), memory: memory)
    } catch {
      self = .reject(name, RejectionCode(error.code), error.detail)
    }
  }

  private static func reject(_ name: String, _ code: RejectionCode, _ detail: String) -> Self {
    .rejected(.init(name: name, code: code, detail: detail))
  }
}

extension PreparedPicture {
  fileprivate init(
    name: String, bytes: [UInt8], header: ImageHeader, limits: ImageLimits
  ) throws(ImageError) {
    let decoded = try decode(bytes, limits: limits, atLeast: StorageRule.shortSide)
    let image = StorageRule.scaledDown(decoded)
    self.init(
      packed: try StorageRule.pack(image, header: header, name: name, bytes: bytes),
      hash: ContentHash(bytes), hasAlpha: header.hasAlpha, kind: header.kind,
      originalShortSide: min(header.width, header.height),
      usedBits: PreparedPicture.usedBits(of: decoded, header), thumbnail: PictureThumbnail(image))
  }

  /// The bits in use by the greatest high byte. Under alpha stands white, which would count as all bits.
  private static func usedBits(of image: Raster, _ header: ImageHeader) -> Int? {
    guard header.bitsPerSample == 16, !header.hasAlpha else { return nil }
    let greatest = image.pixels.max() ?? 0
    return 8 + UInt8.bitWidth - greatest.leadingZeroBitCount
  }
}
