import Foundation
import Images
import Testing

/// What decoding one file took of time and of memory.
struct DecodingCost {
  var seconds: Double
  /// How much more memory the process had at once than before.
  var byteCount: Int
  /// The bytes of the picture, nil for none.
  var pixelByteCount: Int?

  static let secondLimit = 2.0
  static let extraByteLimit = 256 << 20

  /// Measures `body`; the peak is the kernel's, set back before.
  init(_ body: () -> Void) {
    try? Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs"))
    let before = DecodingCost.kibibytes("VmRSS")
    let began = ContinuousClock.now
    body()
    seconds = (ContinuousClock.now - began) / .seconds(1)
    byteCount = (DecodingCost.kibibytes("VmHWM") - before) << 10
  }

  /// Memory beyond the picture's own.
  var extraByteCount: Int { byteCount - (pixelByteCount ?? 0) }

  var faults: [String] {
    (seconds <= Self.secondLimit ? [] : ["\(seconds) s"])
      + (extraByteCount <= Self.extraByteLimit ? [] : ["\(extraByteCount >> 20) MiB"])
  }

  private static func kibibytes(_ field: String) -> Int {
    let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = status?.split(separator: "\n").first { $0.hasPrefix(field + ":") }
    return line?.split(separator: " ").compactMap { Int($0) }.first ?? 0
  }
}

/// The gates of `TrickyImagesTests` tell wrong from right, and the worst legal pictures stay within them.
@Suite struct DecodingCostTests {
  @Test func `a picture of one other level, another size or none is told`() throws {
    let picture = samplePicture(width: 9, height: 7)
    let expected = PillowResult(width: 9, height: 7, checksum: crc32(picture.pixels))
    #expect(expected.fault(in: picture) == nil)
    var pixels = picture.pixels
    pixels[100] ^= 1
    #expect(expected.fault(in: Raster(width: 9, height: 7, pixels: pixels)) != nil)
    #expect(expected.fault(in: Raster(width: 7, height: 9, pixels: picture.pixels)) != nil)
    typealias Tests = TrickyImagesTests
    let one = Tests.Case(path: "x.png", format: "png", pillowStatus: "ok")
    #expect(Tests.fault(in: .failure(ImageError(.corrupt, "")), one, expected) != nil)
    #expect(Tests.fault(in: .success(picture), one, nil) != nil)
    let other = Tests.Case(path: "x.bmp", format: "bmp", pillowStatus: "ok")
    #expect(Tests.fault(in: .failure(ImageError(.corrupt, "")), other, nil) != nil)
    #expect(Tests.fault(in: .success(picture), other, nil) != nil)
  }

  @Test func `300 MiB and more than two seconds are told`() async {
    await #expect(processExitsWith: .success) {
      var cost = DecodingCost {
        let memory = [UInt8](repeating: 1, count: 300 << 20)
        #expect(memory[memory.count - 1] == 1)
      }
      // On a busy machine taking the memory takes its time; here memory alone is judged.
      cost.seconds = 0
      #expect(cost.faults.count == 1 && cost.byteCount < 310 << 20, "\(cost)")
      cost.pixelByteCount = 100 << 20
      #expect(cost.faults == [], "\(cost)")
      cost.seconds = DecodingCost { usleep(20_000) }.seconds + 1.99
      #expect(cost.faults.count == 1, "\(cost)")
    }
  }

  /// The most pixels with the most memory a pixel: lossless WebP with alpha.
  @Test(.measuresMemoryOfProcess)
  func `the largest picture stays within 256 MiB above its pixels`() async throws {
    await #expect(processExitsWith: .success) {
      let bytes = try Fixture.bytes("webp.largest.webp")
      var image: Raster?
      var cost = DecodingCost { image = try? decode(bytes) }
      cost.pixelByteCount = image?.pixels.count
      #expect(cost.pixelByteCount == 16383 * 3051 * 3 && cost.extraByteCount > 64 << 20, "\(cost)")
      #expect(cost.extraByteCount <= DecodingCost.extraByteLimit, "\(cost)")
    }
  }

  /// The fixture has ten scans; its last is repeated.
  @Test(arguments: [(80, false), (100, true)])
  func `a progressive JPEG of too many scans is refused`(more: Int, refused: Bool) throws {
    let bytes = try Fixture.bytes("jpeg.progressive.jpg")
    let last = try #require(bytes.indices.last { bytes[$0...].starts(with: [0xFF, 0xDA]) })
    let scans = Array(repeatElement(bytes[last..<bytes.count - 2], count: more).joined())
    let many = Array(bytes.dropLast(2)) + scans + [0xFF, 0xD9]
    var code: ImageError.Code?
    do throws(ImageError) { _ = try decode(many) } catch { code = error.code }
    #expect(code == (refused ? .tooCostly : nil))
  }

  /// A progressive JPEG's coefficients are two bytes a sample, all held at once.
  @Test(arguments: [(100, false), (140, true)])
  func `a progressive JPEG of too many coefficients is refused before they are held`(
    megasamples: Int, refused: Bool
  ) throws {
    var bytes = try Fixture.bytes("jpeg.progressive.jpg")
    let frame = try #require(bytes.indices.first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC2 })
    let (width, height) = (4000, megasamples * 1_000_000 / 3 / 4000)
    bytes.replaceSubrange(
      frame + 5...frame + 8, with: [height, width].flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] })
    for component in 0..<3 { bytes[frame + 11 + 3 * component] = 0x11 }
    var code: ImageError.Code?
    do throws(ImageError) { _ = try decode(bytes) } catch { code = error.code }
    #expect(code == (refused ? .tooCostly : nil))
  }
}
