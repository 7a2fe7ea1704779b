/// Philox4x32-10, a counter-based random function (Salmon et al. 2011, "Parallel random numbers: as
/// easy as 1, 2, 3"): four 32-bit words that are a pure function of a 64-bit key and a 128-bit counter.
public enum Philox {
  /// The random block at `counter` under `key`.
  public static func block(key: UInt64, counter: SIMD4<UInt32>) -> SIMD4<UInt32> {
    var x = counter
    var k0 = UInt32(truncatingIfNeeded: key)
    var k1 = UInt32(truncatingIfNeeded: key >> 32)
    for _ in 0..<10 {
      let a = 0xD251_1F53 &* UInt64(x[0])
      let b = 0xCD9E_8D57 &* UInt64(x[2])
      x = SIMD4(
        UInt32(truncatingIfNeeded: b >> 32) ^ x[1] ^ k0, UInt32(truncatingIfNeeded: b),
        UInt32(truncatingIfNeeded: a >> 32) ^ x[3] ^ k1, UInt32(truncatingIfNeeded: a))
      k0 &+= 0x9E37_79B9
      k1 &+= 0xBB67_AE85
    }
    return x
  }
}
