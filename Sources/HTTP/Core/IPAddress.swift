internal import Glibc

/// An IPv4 or IPv6 address as one number; IPv4 takes its mapped form `::ffff:a.b.c.d` (RFC 4291 section 2.5.5.2).
struct IPAddress: Hashable, Sendable {
  /// The sixteen bytes, the first one highest.
  let value: UInt128

  private static let mapped = UInt128(0xFFFF) << 32

  /// An address in network byte order: 4 or 16 bytes, or nil for another count.
  init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    let number = bytes.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
    value = bytes.count == 4 ? IPAddress.mapped | number : number
  }

  /// An address as text without zone or brackets; nil for anything that two readers could understand differently,
  /// which is what `inet_pton` refuses too: leading zeros, fewer than four numbers, other bases.
  init?(_ text: some StringProtocol) {
    if text.utf8.contains(0) { return nil }
    let text = String(text)
    var v4: UInt32 = 0
    var v6: UInt128 = 0
    if unsafe inet_pton(AF_INET, text, &v4) == 1 {
      value = IPAddress.mapped | UInt128(UInt32(bigEndian: v4))
    } else if unsafe inet_pton(AF_INET6, text, &v6) == 1 {
      value = UInt128(bigEndian: v6)
    } else {
      return nil
    }
  }

  /// Whether the address is IPv4.
  var isIPv4: Bool { value >> 32 == 0xFFFF }

  /// Whether only this machine can be reached at the address: `::1` and `127.0.0.0/8`.
  var isLoopback: Bool { value == 1 || isIPv4 && value >> 24 & 0xFF == 127 }
}

extension IPAddress: CustomStringConvertible {
  /// The text of RFC 5952: lower case, the longest run of zero groups left out.
  var description: String {
    var v4 = UInt32(truncatingIfNeeded: value).bigEndian
    var v6 = value.bigEndian
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    if isIPv4 {
      unsafe inet_ntop(AF_INET, &v4, &text, 46)
    } else {
      unsafe inet_ntop(AF_INET6, &v6, &text, 46)
    }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8($0) }, as: UTF8.self)
  }
}
