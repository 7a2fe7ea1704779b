import CDigest

/// SHA-256 (FIPS 180-4), for telling whether a file is what was written.
public struct SHA256: Sendable {
  private var state: [UInt32] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
    0x5be0_cd19,
  ]
  private var pending: [UInt8] = []
  private var byteCount: UInt64 = 0

  /// The digest of nothing yet.
  public init() {}

  /// Takes in bytes.
  public mutating func update(_ bytes: [UInt8]) {
    unsafe bytes.withUnsafeBytes { unsafe update($0) }
  }

  /// Takes in bytes.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    byteCount += UInt64(bytes.count)
    var rest = unsafe bytes[...]
    if !pending.isEmpty {
      let taken = unsafe rest.prefix(64 - pending.count)
      unsafe pending.append(contentsOf: taken)
      unsafe rest = rest.dropFirst(taken.count)
      guard pending.count == 64 else { return }
      let block = pending
      unsafe block.withUnsafeBytes { unsafe compress($0) }
      pending.removeAll(keepingCapacity: true)
    }
    let whole = unsafe rest.count / 64 * 64
    if whole > 0 {
      unsafe compress(UnsafeRawBufferPointer(rebasing: rest.prefix(whole)))
    }
    unsafe pending.append(contentsOf: rest.dropFirst(whole))
  }

  /// The digest of all bytes taken in, as 64 lower-case hexadecimal digits.
  public func hexDigest() -> String {
    var last = self
    let bitCount = byteCount &* 8
    let padding = (119 - pending.count) % 64 + 1
    var tail = [UInt8](repeating: 0, count: padding)
    tail[0] = 0x80
    for shift in stride(from: 56, through: 0, by: -8) {
      tail.append(UInt8(truncatingIfNeeded: bitCount >> UInt64(shift)))
    }
    last.update(tail)
    return last.state.map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 8 - digits.count) + digits
    }.joined()
  }

  /// The digest of some bytes, as 64 lower-case hexadecimal digits.
  public static func hexDigest(of bytes: [UInt8]) -> String {
    var digest = SHA256()
    digest.update(bytes)
    return digest.hexDigest()
  }
}

extension SHA256 {
  /// Takes in whole blocks of 64 bytes.
  private mutating func compress(_ blocks: UnsafeRawBufferPointer) {
    unsafe state.withUnsafeMutableBufferPointer { state in
      unsafe byol_sha256_blocks(
        state.baseAddress, blocks.assumingMemoryBound(to: UInt8.self).baseAddress,
        blocks.count / 64)
    }
  }
}
