import Foundation
import Images
import Testing

/// Pictures far from square, huge, or of many frames: what they cost follows from their size and the result's.
@Suite struct ExtremeShapesTests {
  static let shapes = [
    (1, 1), (1, 2), (2, 1), (3, 700), (700, 3), (17, 16), (64, 64), (333, 97), (1, 1500), (1500, 1),
  ]

  /// The square by its definition: the whole picture resized, then cut.
  static func slowSquare(_ image: Raster, _ transform: EvaluationTransform) -> Raster {
    let short = min(image.width, image.height)
    let (width, height) = (
      image.width * transform.resizedSide / short, image.height * transform.resizedSide / short
    )
    func margin(_ length: Int) -> Int {
      Int((Double(length - transform.side) / 2).rounded(.toNearestOrEven))
    }
    return image.resized(width: width, height: height).cropped(
      to: PixelBox(
        x: margin(width), y: margin(height), width: transform.side, height: transform.side))
  }

  @Test(arguments: shapes, [1, 3, 5])
  func `the square has the bits of the whole picture resized and cut`(
    shape: (Int, Int), channels: Int
  ) {
    let colour = samplePicture(width: shape.0 * channels, height: shape.1)
    let image = Raster(
      width: shape.0, height: shape.1, channels: channels,
      pixels: Array(colour.pixels.prefix(shape.0 * shape.1 * channels)))
    // The slow way makes the whole resized picture, so that long pictures are tried at small sides only.
    for side in shape.0 + shape.1 > 1000 ? [8, 21] : [8, 32, 113, 224] {
      for resized in [side, side * 8 / 7, side + 1] {
        let transform = EvaluationTransform(side: side, resizedSide: resized)
        #expect(
          transform.square(of: image) == Self.slowSquare(image, transform), "\(side) \(resized)")
      }
    }
  }

  @Test(arguments: ResamplingFilter.allCases)
  func `a part of a resized box has the bits of the whole`(filter: ResamplingFilter) {
    let image = samplePicture(width: 90, height: 70)
    let box = PixelBox(x: 11, y: 5, width: 61, height: 43)
    for (width, height) in [(200, 150), (30, 90), (61, 43), (7, 5), (1, 1)] {
      let whole = image.resized(width: width, height: height, filter: filter, box: box)
      for part in [
        PixelBox(x: 0, y: 0, width: 1, height: 1),
        PixelBox(x: width - 1, y: height - 1, width: 1, height: 1),
        PixelBox(x: width / 3, y: height / 4, width: width - width / 3, height: height / 2 + 1),
      ] where part.y + part.height <= height {
        let found = image.resized(
          width: width, height: height, filter: filter, box: box, part: part)
        #expect(found == whole.cropped(to: part), "\(width) x \(height) \(part)")
      }
    }
  }

  /// One of 1.2 KB once took 3.3 GB at 224 pixels.
  @Test(arguments: [(16384, 1), (1, 16384), (16384, 3051), (3051, 16384)])
  func `the square of the longest pictures takes little memory at every side`(
    width: Int, height: Int
  ) async {
    await #expect(processExitsWith: .success) { [width = width as Int, height = height as Int] in
      let image = Raster(
        width: width, height: height, pixels: [UInt8](repeating: 77, count: width * height * 3))
      for side in [8, 32, 224, 512] {
        let transform = EvaluationTransform(side: side)
        var square: Raster?
        let cost = DecodingCost { square = transform.square(of: image) }
        #expect(square?.pixels.allSatisfy { $0 == 77 } == true)
        #expect(cost.byteCount < 64 << 20, "\(side): \(cost)")
      }
    }
  }

  @Test func `views and thumbnails of the longest pictures are made`() throws {
    for (width, height) in [(16384, 1), (1, 16384), (1, 1)] {
      let image = samplePicture(width: width, height: height)
      for side in [8, 96] {
        let renderer = ViewRenderer(
          augmentation: .paperFirst, normalization: Normalization(), side: side)
        let view = renderer(image, seed: 1, epoch: 0, picture: 0, view: 0)
        #expect(view.count == side * side * 3 && view.allSatisfy(\.isFinite))
      }
      let grid = ViewGrid(augmentations: Augmentations(), side: 32, seed: 1, epochs: 1)
      #expect(grid([(0, image)]).height == 32)
      #expect(try decode(image.png()) == image)
      #expect(try decode(image.jpeg(), atLeast: 512).width == width)
    }
  }
}

/// What decoding holds, against what the header says of it.
@Suite struct DecodingMemoryTests {
  @Test func `a picture is refused by the bytes that decoding would hold, from its header`() throws
  {
    let bytes = try samplePicture(width: 40, height: 30).png()
    let needed = try readHeader(of: bytes).decodingByteCount
    var limits = ImageLimits()
    limits.decodingByteCount = needed - 1
    let error = #expect(throws: ImageError.self) { try decode(bytes, limits: limits) }
    #expect(error?.code == .tooCostly && error?.detail.contains("\(needed) bytes") == true)
    limits.decodingByteCount = needed
    #expect(try decode(bytes, limits: limits).width == 40)
  }

  @Test func `the costliest picture that the other limits allow is allowed`() throws {
    let header = try readHeader(of: Fixture.bytes("webp.largest.webp"))
    #expect(header.decodingByteCount <= ImageLimits().decodingByteCount)
    #expect(header.decodingByteCount > 400 << 20)
  }

  /// A progressive JPEG of 40 million pixels, of which only the first scans are there.
  @Test func `a large progressive JPEG holds no more than its header says`() async throws {
    await #expect(processExitsWith: .success) {
      var bytes = try Fixture.bytes("jpeg.progressive.jpg")
      let frame = try #require(bytes.indices.first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC2 })
      bytes.replaceSubrange(
        frame + 5...frame + 8, with: [10_000, 4_000].flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] })
      let header = try readHeader(of: bytes)
      #expect(header.isProgressive && header.width == 4_000)
      let cost = DecodingCost { _ = try? decode(bytes) }
      #expect(cost.byteCount <= header.decodingByteCount, "\(cost) \(header.decodingByteCount)")
      #expect(cost.byteCount > 100 << 20)
    }
  }

  @Test func `of a GIF and a WebP of very many frames the first is decoded`() async throws {
    await #expect(processExitsWith: .success) {
      for (bytes, one) in [try manyFrameGIF(), try manyFrameWebP()] {
        var image: Raster?
        let cost = DecodingCost { image = try? decode(bytes) }
        #expect(try image == decode(one))
        #expect(cost.byteCount < 64 << 20, "\(bytes.count): \(cost)")
      }
    }
  }
}

/// The bytes that the frames of an animation fill.
private let frameByteCount = 16 << 20

/// A GIF whose one frame stands there many times, and the GIF itself.
private func manyFrameGIF() throws -> ([UInt8], [UInt8]) {
  let bytes = try Fixture.bytes("gif.plain.gif")
  let table = bytes[10] & 0x80 == 0 ? 0 : 3 << (Int(bytes[10] & 7) + 1)
  let frames = bytes[(13 + table)..<(bytes.count - 1)]
  let many = repeatElement(frames, count: frameByteCount / frames.count).joined()
  return (Array(bytes.prefix(13 + table)) + many + [0x3B], bytes)
}

/// An animation whose last frame stands there many times more, and the animation itself.
private func manyFrameWebP() throws -> ([UInt8], [UInt8]) {
  let bytes = try Fixture.bytes("webp.animated.webp")
  let name = Array("ANMF".utf8)
  let last = try #require(bytes.indices.last { bytes[$0...].starts(with: name) })
  let length = bytes[(last + 4)..<(last + 8)].reversed().reduce(0) { $0 << 8 | Int($1) }
  let frame = bytes[last..<(last + 8 + length + length % 2)]
  var many =
    bytes[..<frame.endIndex] + repeatElement(frame, count: frameByteCount / frame.count).joined()
  let size = many.count - 8
  many.replaceSubrange(4..<8, with: (0..<4).map { UInt8(size >> (8 * $0) & 255) })
  return (Array(many), bytes)
}

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
