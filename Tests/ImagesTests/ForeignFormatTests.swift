import Images
import Testing

/// Files of other formats, by their first bytes.
@Suite struct ForeignFormatTests {
  static let cases: [(bytes: [UInt8], name: String)] = [
    ([0, 0, 0, 24] + "ftypheic".utf8, "HEIC"), ([0, 0, 0, 24] + "ftypmif1".utf8, "HEIC"),
    ([0, 0, 0, 24] + "ftypavif".utf8, "AVIF"), ([0, 0, 0, 24] + "ftypmp42".utf8, "video"),
    ([0, 0, 0, 24] + "ftypcrx ".utf8, "raw photo"), (Array("II*\0".utf8), "TIFF"),
    (Array("MM\0*".utf8), "TIFF"), (Array("BM......".utf8), "BMP"),
    ([0xFF, 0x0A, 0], "JPEG XL"), ([0, 0, 0, 12] + "JXL ".utf8, "JPEG XL"),
    ([0, 0, 0, 12] + "jP  ".utf8, "JPEG 2000"), (Array("%PDF-1.7".utf8), "PDF"),
    (Array("\u{FEFF} <svg xmlns=".utf8), "SVG"),
    (Array("<?xml version='1.0'?>\n<svg>".utf8), "SVG"), (Array("<?xml?><rss>".utf8), "XML"),
    (Array("  <!doctype HTML>".utf8), "HTML"), (Array("<html><body>".utf8), "HTML"),
    (Array("PK\u{3}\u{4}".utf8), "zip"), ([0x1F, 0x8B, 8], "gzip"),
    (Array("8BPS".utf8), "Photoshop"),
    (Array("version https://git-lfs.github.com/spec/v1".utf8), "git lfs pull"),
    (Array("{\"error\":\"not found\"}".utf8), "JSON"), (Array("P6\n64 64".utf8), "PNM"),
    ([0, 0, 1, 0, 1, 0], "ICO"), ([0x1A, 0x45, 0xDF, 0xA3], "Matroska"),
  ]

  @Test(arguments: cases)
  func `a refusal says what the file is and what to do`(bytes: [UInt8], name: String) {
    let error = #expect(throws: ImageError.self) {
      try decode(bytes + [UInt8](repeating: 1, count: 40))
    }
    #expect(error?.code == .unsupportedFormat)
    #expect(error?.detail.contains(name) == true, "\(error?.detail ?? "")")
  }

  @Test func `what is none of these, and what is empty or zero, is told apart`() {
    func detail(_ bytes: [UInt8]) -> String {
      do throws(ImageError) { _ = try decode(bytes) } catch { return error.detail }
      return ""
    }
    #expect(detail(Array("hello".utf8)).contains("begin like none of JPEG, PNG"))
    #expect(detail([0, 0, 0]).contains("All 3 bytes are zero"))
    #expect(ForeignFormat(sniffing: []) == nil && ForeignFormat(sniffing: [0xFF]) == nil)
  }
}
