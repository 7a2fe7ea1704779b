import Dispatch
import Foundation
import Images
import Synchronization
import Testing

/// What decoding holds, against what the header says of it.
@Suite struct DecodingMemoryTests {
  @Test(arguments: [60, 100, 250])
  func `no more is held at once than there is, and more than that alone`(byteCount: Int) {
    let memory = DecodingMemory(byteLimit: 130)
    let held = Mutex((now: 0, most: 0, calls: 0))
    DispatchQueue.concurrentPerform(iterations: 40) { _ in
      memory.hold(byteCount) {
        held.withLock {
          $0.now += byteCount
          $0.most = max($0.most, $0.now)
          $0.calls += 1
        }
        sched_yield()
        held.withLock { $0.now -= byteCount }
      }
    }
    #expect(held.withLock { $0.calls == 40 && $0.now == 0 && $0.most <= max(130, byteCount) })
  }

  @Test func `what a failed decoding held is free again`() {
    let memory = DecodingMemory(byteLimit: 10)
    for _ in 0..<3 {
      #expect(throws: ImageError.self) {
        try memory.hold(10) { () throws(ImageError) in throw ImageError(.corrupt, "") }
      }
    }
    #expect(memory.hold(10) { true })
  }

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
