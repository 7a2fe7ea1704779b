import Foundation
import Synchronization

/// The identifier of a run or a dataset: a UUID of version 7 (RFC 9562 §5.7), so that identifiers sort by time of creation.
public struct Identifier: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
  /// The canonical lower-case form, 36 characters.
  public let description: String

  /// An identifier from its canonical lower-case form; nil for anything else.
  public init?(_ text: String) {
    let groups = text.split(separator: "-", omittingEmptySubsequences: false)
    let isHex = text.utf8.allSatisfy { byte in
      byte == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
    guard isHex, groups.map(\.utf8.count) == [8, 4, 4, 4, 12], groups[2].first == "7" else {
      return nil
    }
    description = text
  }

  /// The identifier with `stamp`, 48 bits of milliseconds and 12 bits of counter, and random bits behind it.
  fileprivate init(stamp: UInt64) {
    let tail = UInt64.random(in: .min ... .max) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    let high = (stamp >> 12) << 16 | 0x7000 | stamp & 0xFFF
    let digits = Identifier.hex(high) + Identifier.hex(tail)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if [8, 12, 16, 20].contains(index) { text.append("-") }
      text.append(digit)
    }
    description = text
  }

  /// 48 bits of milliseconds and 12 bits of counter.
  fileprivate var stamp: UInt64 {
    let digits = description.filter { $0 != "-" }
    guard let high = UInt64(digits.prefix(16), radix: 16) else { return 0 }
    return (high >> 16) << 12 | high & 0xFFF
  }

  private static func hex(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// Decodes the value.
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let id = Identifier(text) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "\(text) is not an identifier."))
    }
    self = id
  }

  /// Encodes the value.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  /// Whether the left comes before the right.
  public static func < (left: Identifier, right: Identifier) -> Bool {
    left.description < right.description
  }
}

/// Makes identifiers, each greater than the one before it.
public final class IdentifierSource: Sendable {
  private let lastStamp = Mutex<UInt64>(0)

  /// A source that made none yet.
  public init() {}

  /// A new identifier for something that is made `now`.
  public func next(at now: Timestamp) -> Identifier {
    Identifier(
      stamp: lastStamp.withLock { last in
        last = max(UInt64(max(0, now.milliseconds)) << 12, last + 1)
        return last
      })
  }

  /// Makes every new identifier greater than this one, also where the clock was set back since it was made.
  public func continueAfter(_ id: Identifier) {
    lastStamp.withLock { $0 = max($0, id.stamp) }
  }
}
