import Randomness
import Testing

/// The block function against its authors' known answers.
@Suite struct PhiloxTests {
  /// Counter, key and block of Philox4x32-10, from the file `kat_vectors` of Random123, the library of Salmon et al. 2011.
  /// The third counter and key are digits of π.
  static let knownAnswers: [(counter: SIMD4<UInt32>, key: UInt64, block: SIMD4<UInt32>)] = [
    (
      SIMD4(repeating: 0), 0,
      SIMD4(0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8)
    ),
    (
      SIMD4(repeating: .max), .max,
      SIMD4(0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD)
    ),
    (
      SIMD4(0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344), 0x299F_31D0_A409_3822,
      SIMD4(0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1)
    ),
  ]

  @Test(arguments: knownAnswers) func `a block is the published one`(
    counter: SIMD4<UInt32>, key: UInt64, block: SIMD4<UInt32>
  ) {
    #expect(Philox.block(key: key, counter: counter) == block)
  }

  /// Each bit of the input changes each bit of the block about every other time.
  @Test func `one other bit of counter or key changes half of the block`() {
    let (counter, key) = (SIMD4<UInt32>(1, 2, 3, 4), UInt64(5))
    let block = Philox.block(key: key, counter: counter)
    let others =
      (0..<128).map { bit in
        var other = counter
        other[bit / 32] ^= 1 << UInt32(bit % 32)
        return Philox.block(key: key, counter: other)
      } + (0..<64).map { Philox.block(key: key ^ 1 << UInt64($0), counter: counter) }
    let changed = others.map { other in
      (0..<4).reduce(0) { $0 + (block[$1] ^ other[$1]).nonzeroBitCount }
    }
    // 64 of 128 bits are expected, with a deviation of 5.7: five deviations to either side.
    #expect(changed.allSatisfy { (36...92).contains($0) }, "\(changed)")
    let mean = Double(changed.reduce(0, +)) / Double(changed.count)
    #expect(abs(mean - 64) < 2, "\(mean)")
  }
}
