import CDigest

/// SHA-256 of FIPS 180-4, fed in pieces.
struct SHA256 {
  private var state: [UInt32] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
    0x5be0_cd19,
  ]
  private var rest: [UInt8] = []
  private var count: UInt64 = 0

  mutating func update(_ bytes: [UInt8]) {
    count += UInt64(bytes.count)
    rest += bytes
    let blocks = rest.count / 64
    unsafe byol_sha256_blocks(&state, rest, blocks)
    rest.removeFirst(blocks * 64)
  }

  /// The digest in hexadecimal.
  mutating func finish() -> String {
    let bits = count * 8
    update([0x80] + [UInt8](repeating: 0, count: (119 - rest.count) % 64))
    update((0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * UInt64($0))) })
    return state.map { word in
      let text = String(word, radix: 16)
      return String(repeating: "0", count: 8 - text.count) + text
    }.joined()
  }
}
