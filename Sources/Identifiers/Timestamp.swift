import Foundation

/// A moment, in milliseconds since 1970-01-01T00:00:00Z; as JSON its RFC 3339 form in UTC.
public struct Timestamp: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
  /// Milliseconds since 1970-01-01T00:00:00Z.
  public var milliseconds: Int64

  /// A moment.
  public init(milliseconds: Int64) { self.milliseconds = milliseconds }

  /// The moment that the system's clock shows.
  public static func now() -> Timestamp {
    Timestamp(milliseconds: Int64((Date().timeIntervalSince1970 * 1000).rounded(.down)))
  }

  /// The RFC 3339 form with milliseconds, such as `2026-01-31T12:00:00.250Z`.
  public var description: String {
    let day = (milliseconds - (milliseconds %% Timestamp.perDay)) / Timestamp.perDay
    let inDay = milliseconds %% Timestamp.perDay
    let (year, month, dayOfMonth) = Timestamp.date(ofDay: day)
    let date = "\(padded(year, 4))-\(padded(month, 2))-\(padded(dayOfMonth, 2))"
    let clock = [inDay / 3_600_000, inDay / 60_000 % 60, inDay / 1000 % 60]
      .map { padded($0, 2) }.joined(separator: ":")
    return "\(date)T\(clock).\(padded(inDay % 1000, 3))Z"
  }

  /// A moment from exactly the form of `description`, in the years 1 to 9999.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    let pattern = Array("0000-00-00T00:00:00.000Z".utf8)
    guard bytes.count == pattern.count,
      zip(bytes, pattern).allSatisfy({ byte, expected in
        expected == UInt8(ascii: "0")
          ? (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) : byte == expected
      })
    else { return nil }
    func number(_ range: Range<Int>) -> Int64 {
      bytes[range].reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }
    let day = Timestamp.day(year: number(0..<4), month: number(5..<7), day: number(8..<10))
    let seconds = (number(11..<13) * 60 + number(14..<16)) * 60 + number(17..<19)
    self.init(milliseconds: day * Timestamp.perDay + seconds * 1000 + number(20..<23))
    // A 31st of April reads back as the 1st of May: not what was written.
    guard description == text else { return nil }
  }

  /// Decodes the RFC 3339 form.
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let time = Timestamp(text) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "\(text) is not an RFC 3339 time."))
    }
    self = time
  }

  /// Encodes the RFC 3339 form.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  /// The moment some seconds later.
  public func adding(seconds: Double) -> Timestamp {
    Timestamp(milliseconds: milliseconds + Int64((seconds * 1000).rounded()))
  }

  /// Whether the left comes before the right.
  public static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.milliseconds < right.milliseconds
  }
}

// MARK: - The calendar

extension Timestamp {
  private static let perDay: Int64 = 86_400_000

  /// The Gregorian date of a day counted from 1970-01-01.
  ///
  /// Years are counted from March, so that the leap day is a year's last, in eras of 400 years, which
  /// have 146,097 days each.
  private static func date(ofDay day: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = day + 719_468
    let inEra = shifted %% 146_097
    let era = (shifted - inEra) / 146_097
    let yearOfEra = (inEra - inEra / 1460 + inEra / 36_524 - inEra / 146_096) / 365
    let dayOfYear = inEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
  }

  /// The day counted from 1970-01-01 of a Gregorian date.
  private static func day(year: Int64, month: Int64, day: Int64) -> Int64 {
    let yearFromMarch = month <= 2 ? year - 1 : year
    let yearOfEra = yearFromMarch %% 400
    let era = (yearFromMarch - yearOfEra) / 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}

private func padded(_ value: Int64, _ width: Int) -> String {
  let digits = String(value)
  return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

infix operator %% : MultiplicationPrecedence

/// The remainder that is never negative.
private func %% (value: Int64, divisor: Int64) -> Int64 {
  let remainder = value % divisor
  return remainder < 0 ? remainder + divisor : remainder
}
