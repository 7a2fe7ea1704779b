import Foundation
import Images
import Randomness
import Testing

/// A picture of smooth colours with some noise.
func samplePicture(width: Int, height: Int, seed: UInt64 = 1) -> Raster {
  var random = RandomStream(seed: seed, purpose: .demo)
  var pixels: [UInt8] = []
  for y in 0..<height {
    for x in 0..<width {
      let noise = Int(random.nextWord() % 17)
      pixels.append(UInt8(clamping: 255 * x / max(1, width - 1) / 2 + noise))
      pixels.append(UInt8(clamping: 255 * y / max(1, height - 1) / 2 + 60 + noise))
      pixels.append(UInt8(clamping: 200 - (x + y) % 150 + noise))
    }
  }
  return Raster(width: width, height: height, pixels: pixels)
}

@Suite struct DecodingTests {
  @Test func `a PNG comes back as it was encoded`() throws {
    let picture = samplePicture(width: 37, height: 21)
    #expect(try decode(picture.png()) == picture)
  }

  @Test func `a JPEG comes back within a few levels`() throws {
    let picture = samplePicture(width: 48, height: 32)
    let back = try decode(picture.jpeg(quality: 98, fullChroma: true))
    #expect((back.width, back.height) == (48, 32))
    let worst = zip(back.pixels, picture.pixels).map { abs(Int($0) - Int($1)) }.max() ?? 0
    #expect(worst > 0 && worst <= 12)
  }

  @Test func `every cut of a JPEG, a PNG and a GIF is refused`() throws {
    let picture = samplePicture(width: 40, height: 40)
    let gif = try Fixture.bytes("gif.plain.gif")
    for whole in [try picture.jpeg(), try picture.png(), gif] {
      for count in stride(from: 0, to: whole.count - 20, by: 7) {
        let error = #expect(throws: ImageError.self) { try decode(Array(whole.prefix(count))) }
        #expect(error.map { [.empty, .truncated, .unsupportedFormat].contains($0.code) } == true)
      }
    }
  }

  /// Found by `Fuzz/DecodePNG`: libpng allocated 1.8 GB for a text of which not a byte was there.
  @Test(.measuresMemoryOfProcess)
  func `a chunk that says it is huge costs no memory`() throws {
    var bytes = try samplePicture(width: 4, height: 4).png()
    let chunk = [0x6D, 0x6F, 0x72, 0x79] + Array("tEXt".utf8) + [0, 1, 2, 3]
    bytes.insert(contentsOf: chunk, at: 33)
    let before = addressSpaceKiB()
    let error = #expect(throws: ImageError.self) { try decode(bytes) }
    #expect(error?.code == .truncated)
    #expect(before > 0 && addressSpaceKiB() - before < 1 << 20)
  }

  /// The largest address space that this process has had, in KiB.
  private func addressSpaceKiB() -> Int {
    let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = status?.split(separator: "\n").first { $0.hasPrefix("VmPeak:") }
    return line?.split(separator: " ").compactMap { Int($0) }.first ?? 0
  }

  @Test func `limits are judged from the header`() throws {
    let bytes = try samplePicture(width: 40, height: 30).png()
    var limits = ImageLimits()
    limits.pixelCount = 1199
    #expect(throws: ImageError.self) { try decode(bytes, limits: limits) }
    limits.pixelCount = 1200
    #expect(try decode(bytes, limits: limits).width == 40)
    limits.side = 39
    #expect(throws: ImageError.self) { try decode(bytes, limits: limits) }
    limits = ImageLimits()
    limits.encodedByteCount = bytes.count - 1
    let error = #expect(throws: ImageError.self) { try decode(bytes, limits: limits) }
    #expect(error?.code == .tooManyBytes)
  }
}

@Suite struct PillowDecodingTests {
  @Test func `every kind of JPEG, PNG, WebP and GIF decodes as Pillow decodes it`() throws {
    let expected = try Fixture.names(suffix: ".expected.png").filter {
      ["jpeg.", "png.", "webp.", "gif."].contains(where: $0.hasPrefix)
    }
    #expect(expected.count == 32)
    for name in expected {
      let stem = String(name.dropLast(".expected.png".count))
      let isJPEG = stem.hasPrefix("jpeg.")
      let ending = isJPEG ? "jpg" : String(stem.prefix { $0 != "." })
      let decoded = try Fixture.image(stem + "." + ending)
      let worst = worstDifference(decoded, try Fixture.image(name))
      // Lossless formats may differ by one level where alpha is laid over white.
      #expect(worst.map { $0 <= (isJPEG ? 2 : 1) } == true, "\(stem): \(worst ?? -1)")
    }
  }

  @Test func `the header tells size, orientation, gray and alpha`() throws {
    let turned = try readHeader(of: Fixture.bytes("jpeg.orientation6.jpg"))
    #expect((turned.width, turned.height) == (20, 12) && turned.orientation == .turnedLeft)
    for (name, kind) in [
      ("jpeg.gray.jpg", ChannelKind.gray), ("jpeg.cmyk.jpg", .cmyk), ("jpeg.420.jpg", .rgb),
      ("png.graya.png", .gray), ("png.palette.png", .palette),
    ] { #expect(try readHeader(of: Fixture.bytes(name)).kind == kind, "\(name)") }
    #expect(try readHeader(of: Fixture.bytes("jpeg.progressive.jpg")).isProgressive)
    #expect(try readHeader(of: Fixture.bytes("png.rgba.png")).hasAlpha)
    #expect(try readHeader(of: Fixture.bytes("png.transparent.png")).hasAlpha)
    #expect(try !readHeader(of: Fixture.bytes("png.rgb.png")).hasAlpha)
  }

  @Test func `a JPEG can be decoded at a smaller size`() throws {
    let bytes = try samplePicture(width: 400, height: 240).jpeg()
    let small = try decode(bytes, atLeast: 100)
    #expect((small.width, small.height) == (200, 120))
    let whole = try decode(bytes)
    let difference = worstDifference(small, whole.resized(width: 200, height: 120))
    #expect(difference.map { $0 < 40 } == true)
  }

  @Test(arguments: ImageError.Code.allCases)
  func `codes are lower case words`(code: ImageError.Code) {
    #expect(code.rawValue.allSatisfy { $0 == "_" || ($0 >= "a" && $0 <= "z") })
  }
}
