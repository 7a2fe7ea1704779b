import Tensors
import Testing

/// Owned memory: zeroed, aligned, and never read outside of its bytes.
@Suite struct BufferTests {
  /// Up to 2 MiB a buffer is aligned to a cache line; from there on to a huge page.
  @Test(arguments: [
    (0, 64), (1, 64), (63, 64), (64, 64), (1000, 64), (2 << 20 - 1, 64), (2 << 20, 2 << 20),
    (5 << 20 + 3, 2 << 20),
  ])
  func `a buffer is zeroed and aligned`(byteCount: Int, alignment: Int) {
    // The first one's bytes are set and freed: the second may be given the same memory.
    for _ in 0..<2 {
      let buffer = Buffer(byteCount: byteCount)
      #expect(buffer.byteCount == byteCount)
      #expect(unsafe Int(bitPattern: buffer.pointer) % alignment == 0)
      let bytes = unsafe UnsafeMutableRawBufferPointer(start: buffer.pointer, count: byteCount)
      #expect(unsafe bytes.allSatisfy { $0 == 0 })
      for index in bytes.indices { unsafe bytes[index] = 0xFF }
    }
  }

  @Test func `floats are the bytes from an offset on`() {
    let buffer = Buffer(byteCount: 24)
    let all = unsafe buffer.floats(count: 6)
    for index in 0..<6 { unsafe all[index] = Float(index) + 0.5 }
    #expect(unsafe Array(buffer.floats(at: 8, count: 3)) == [2.5, 3.5, 4.5])
    #expect(unsafe Array(buffer.floats(at: 8, count: 4)) == [2.5, 3.5, 4.5, 5.5])
    #expect(unsafe buffer.floats(at: 24, count: 0).isEmpty)
    #expect(unsafe buffer.pointer.load(fromByteOffset: 4, as: Float.self) == 1.5)
  }

  @Test(arguments: [(0, 7), (4, 6), (20, 2), (28, 0), (-4, 1)])
  func `floats outside of the buffer trap`(offset: Int, count: Int) async {
    await #expect(processExitsWith: .failure) {
      [offset = offset as Int, count = count as Int] in
      let buffer = Buffer(byteCount: 24)
      _ = unsafe buffer.floats(at: offset, count: count)
    }
  }

  @Test func `a negative size traps`() async {
    await #expect(processExitsWith: .failure) { _ = Buffer(byteCount: -1) }
  }
}
