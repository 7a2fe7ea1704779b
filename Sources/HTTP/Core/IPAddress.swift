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

  /// An address as text without zone or brackets; nil for anything that two readers could understand differently.
  init?(_ text: some StringProtocol) {
    guard text.utf8.count <= 45 else { return nil }
    if let number = IPAddress.dotted(text.utf8[...]) {
      value = IPAddress.mapped | number
      return
    }
    guard let number = IPAddress.grouped(Array(text.utf8)) else { return nil }
    value = number
  }

  /// Whether the address is IPv4.
  var isIPv4: Bool { value >> 32 == 0xFFFF }

  /// Four decimal numbers of 0 … 255 without leading zeros.
  private static func dotted(_ text: some Sequence<UInt8>) -> UInt128? {
    let parts = Array(text).split(separator: 0x2E, omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var number = UInt128(0)
    for part in parts {
      guard part.count <= 3, part.count == 1 || part.first != 0x30, let byte = decimal(part),
        byte < 256
      else { return nil }
      number = number << 8 | UInt128(byte)
    }
    return number
  }

  /// Eight groups of up to four hexadecimal digits, one run of them left out as `::`, the last two maybe dotted.
  private static func grouped(_ text: [UInt8]) -> UInt128? {
    let halves = splitAtDoubleColon(text)
    guard let high = groups(halves.0, dottedTail: halves.1 == nil),
      let low = groups(halves.1 ?? [][...], dottedTail: true)
    else { return nil }
    let count = high.count + low.count
    guard halves.1 == nil ? count == 8 : count < 8 else { return nil }
    let all = high + Array(repeating: 0, count: 8 - count) + low
    return all.reduce(UInt128(0)) { $0 << 16 | UInt128($1) }
  }

  private static func splitAtDoubleColon(_ text: [UInt8])
    -> (ArraySlice<UInt8>, ArraySlice<UInt8>?)
  {
    for index in text.indices.dropLast() where text[index] == 0x3A && text[index + 1] == 0x3A {
      return (text[..<index], text[(index + 2)...])
    }
    return (text[...], nil)
  }

  private static func groups(_ text: ArraySlice<UInt8>, dottedTail: Bool) -> [UInt16]? {
    if text.isEmpty { return [] }
    var groups: [UInt16] = []
    let parts = text.split(separator: 0x3A, omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      if dottedTail, index == parts.count - 1, let tail = dotted(part) {
        return groups + [UInt16(truncatingIfNeeded: tail >> 16), UInt16(truncatingIfNeeded: tail)]
      }
      guard (1...4).contains(part.count) else { return nil }
      var group: UInt16 = 0
      for byte in part {
        guard let digit = hexValue(byte) else { return nil }
        group = group << 4 | UInt16(digit)
      }
      groups.append(group)
    }
    return groups
  }
}

extension IPAddress: CustomStringConvertible {
  /// The text of RFC 5952: lower case, the longest run of zero groups left out.
  var description: String {
    if isIPv4 {
      return [24, 16, 8, 0].map { String(value >> UInt128($0) & 0xFF) }.joined(separator: ".")
    }
    let groups = (0..<8).map { UInt16(truncatingIfNeeded: value >> UInt128(112 - 16 * $0)) }
    var longest = 0..<0
    var start = 0
    for index in 0...8 where index == 8 || groups[index] != 0 {
      if index - start > max(1, longest.count) { longest = start..<index }
      start = index + 1
    }
    func text(_ groups: ArraySlice<UInt16>) -> String {
      groups.map { String($0, radix: 16) }.joined(separator: ":")
    }
    if longest.isEmpty { return text(groups[...]) }
    return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
  }
}
