/// A kind of file that is not decoded, recognised by its first bytes so that a refusal can name it.
///
/// Files often have the wrong name: phones send HEIC as `.jpg`, servers answer with HTML in place of a picture.
public struct ForeignFormat: Hashable, Sendable {
  /// What files of a format hold.
  public enum Content: Hashable, Sendable {
    case picture, video, archive, document
  }

  /// The name of the format as people know it.
  public let name: String
  /// What files of the format hold.
  public let content: Content
  /// What to do about it, as a sentence.
  public let advice: String

  private init(_ name: String, _ content: Content, _ advice: String) {
    (self.name, self.content, self.advice) = (name, content, advice)
  }

  /// A picture format with the command that turns it into one that is read.
  private init(_ name: String, convert command: String) {
    self.init(name, .picture, "Convert it to JPEG or PNG first, for example with `\(command)`.")
  }

  /// What the bytes are, and the way out.
  public var sentence: String { "The bytes are \(name), which is not read. \(advice)" }

  /// The format that the first bytes announce; nil where they announce none of those that are known here.
  ///
  /// At most the first 512 bytes are looked at.
  public init?(sniffing bytes: [UInt8]) {
    let head = Array(bytes.prefix(512))
    guard
      let found = ForeignFormat(boxesOf: head)
        ?? ForeignFormat.magics.first(where: { head.starts(with: $0.bytes) })?.format
        ?? ForeignFormat(textOf: head)
    else { return nil }
    self = found
  }
}

extension ForeignFormat {
  /// The ISO base media file format (HEIC, AVIF, MP4): a box `ftyp` with the four letters of a brand.
  private init?(boxesOf head: [UInt8]) {
    guard head.count >= 12, head[4..<8].elementsEqual("ftyp".utf8) else { return nil }
    switch String(decoding: head[8..<12], as: UTF8.self) {
    case "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1":
      self.init("HEIC", convert: "heif-convert picture.heic picture.jpg")
    case "avif", "avis": self.init("AVIF", convert: "heif-convert picture.avif picture.png")
    case "crx ": self = .raw("a raw photo (CR3)", "cr3")
    default: self.init("a video (MP4 or QuickTime)", .video, ForeignFormat.framesAdvice)
    }
  }

  /// Formats that are text: a byte order mark and blanks may come first.
  private init?(textOf head: [UInt8]) {
    let start = head.starts(with: [0xEF, 0xBB, 0xBF]) ? head.dropFirst(3) : head[...]
    let text = String(decoding: start, as: UTF8.self).lowercased().drop { $0.isWhitespace }
    if text.hasPrefix("<svg") || text.hasPrefix("<?xml") && text.contains("<svg") {
      self.init("SVG", convert: "rsvg-convert picture.svg -o picture.png")
    } else if text.hasPrefix("<!doctype html") || text.hasPrefix("<html") {
      self.init(
        "HTML", .document,
        "A download probably went wrong and a page was stored in place of the picture: fetch it again."
      )
    } else if text.hasPrefix("version https://git-lfs") {
      self.init(
        "a pointer of Git LFS", .document, "The picture itself is elsewhere: run `git lfs pull`.")
    } else if text.hasPrefix("{") || text.hasPrefix("<?xml") {
      self.init("JSON or XML", .document, "Check where the file comes from: it holds no pixels.")
    } else {
      return nil
    }
  }

  private static let framesAdvice =
    "Take pictures out of it first, for example with `ffmpeg -i film.mp4 -vf fps=1 %05d.png`."
  private static let unpackAdvice =
    "Unpack it first: archives inside a folder or an archive are not opened."

  private static func magick(_ name: String, _ ending: String) -> ForeignFormat {
    ForeignFormat(name, convert: "magick picture.\(ending) picture.png")
  }

  private static func raw(_ name: String, _ ending: String) -> ForeignFormat {
    ForeignFormat(name, convert: "darktable-cli picture.\(ending) picture.jpg")
  }

  private static func packed(_ name: String) -> ForeignFormat {
    ForeignFormat(name, .archive, unpackAdvice)
  }

  private struct Magic {
    var bytes: [UInt8]
    var format: ForeignFormat

    init(_ bytes: [UInt8], _ format: ForeignFormat) { (self.bytes, self.format) = (bytes, format) }
    init(_ text: String, _ format: ForeignFormat) { self.init(Array(text.utf8), format) }
  }

  private static let magics: [Magic] = {
    let jpegXL = ForeignFormat("JPEG XL", convert: "djxl picture.jxl picture.png")
    let jpeg2000 = ForeignFormat("JPEG 2000", convert: "opj_decompress -i picture.jp2 -o out.png")
    let tiff = magick("TIFF (or a raw photo, which begins alike)", "tif")
    return [
      Magic("\0\0\0\u{C}JXL ", jpegXL), Magic([0xFF, 0x0A], jpegXL),
      Magic("\0\0\0\u{C}jP  ", jpeg2000), Magic([0xFF, 0x4F, 0xFF, 0x51], jpeg2000),
      Magic("II*\0", tiff), Magic("MM\0*", tiff), Magic("II+\0", tiff), Magic("MM\0+", tiff),
      Magic("IIRO", raw("a raw photo (ORF)", "orf")),
      Magic("FUJIFILMCCD-RAW", raw("a raw photo (RAF)", "raf")),
      Magic("BM", magick("BMP", "bmp")), Magic([0, 0, 1, 0], magick("an icon (ICO)", "ico")),
      Magic("8BPS", magick("a Photoshop file", "psd")),
      Magic("gimp xcf", magick("a GIMP file", "xcf")),
      Magic([0x76, 0x2F, 0x31, 0x01], magick("OpenEXR", "exr")),
      Magic("#?RADIANCE", magick("Radiance HDR", "hdr")),
      Magic("SIMPLE  =", magick("FITS", "fits")),
      Magic(
        "%PDF-",
        ForeignFormat(
          "PDF", .document, "Draw its pages first, for example with `pdftoppm -png file.pdf page`.")
      ),
      Magic("PK\u{3}\u{4}", packed("a zip archive")), Magic([0x1F, 0x8B], packed("a gzip file")),
      Magic("7z".utf8 + [0xBC, 0xAF], packed("a 7-Zip archive")),
      Magic("Rar!", packed("a RAR archive")),
      Magic([0x28, 0xB5, 0x2F, 0xFD], packed("a zstd file")),
      Magic([0xFD] + "7zXZ".utf8, packed("an xz file")), Magic("BZh", packed("a bzip2 file")),
      Magic(
        [0x1A, 0x45, 0xDF, 0xA3], ForeignFormat("a video (Matroska or WebM)", .video, framesAdvice)),
    ]
      + ["P1", "P2", "P3", "P4", "P5", "P6"].flatMap { kind in
        ["\n", " ", "\r", "\t"].map { Magic(kind + $0, magick("a PNM picture", "ppm")) }
      }
  }()
}
