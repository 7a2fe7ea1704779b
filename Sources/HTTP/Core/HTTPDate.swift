internal import Glibc

/// Dates as HTTP sends them, `Sun, 06 Nov 1994 08:49:37 GMT`, and in the two old forms that it still takes
/// (RFC 9110 section 5.6.7).
enum HTTPDate {
  private static let current = "%a, %d %b %Y %H:%M:%S GMT"
  private static let forms = [current, "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// The text of a time in seconds since 1970.
  static func text(_ seconds: Int) -> String { text(seconds, current) }

  /// Seconds since 1970 of a date in any of the three forms; nil for anything else, which is then ignored.
  ///
  /// The years of RFC 850's form, which has two digits, are 1970 … 2069.
  static func parse(_ text: String) -> Int? {
    // The weekday; day, month and year, or in the last form month and day; the clock; `GMT`, or the year.
    let words = text.split { " ,-:".contains($0) }
    guard words.count == 7 || words.count == 8 else { return nil }
    let isLast = words.count == 7
    let clock = isLast ? 3 : 4
    let numbers = [isLast ? 6 : 3, isLast ? 2 : 1, clock, clock + 1, clock + 2].compactMap {
      decimal(words[$0].utf8).flatMap { Int32(exactly: $0) }
    }
    guard numbers.count == 5, let month = months.firstIndex(where: { $0 == words[isLast ? 1 : 2] })
    else { return nil }
    var parts = unsafe tm()
    let year = numbers[0] < 70 ? numbers[0] + 2000 : numbers[0]
    unsafe (parts.tm_year, parts.tm_mon, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec) =
      (
        year < 100 ? year : year - 1900, Int32(month), numbers[1], numbers[2], numbers[3],
        numbers[4]
      )
    let seconds = unsafe timegm(&parts)
    // Only what is written as it ought to be is a date.
    return forms.contains { self.text(seconds, $0) == text } ? seconds : nil
  }

  private static func text(_ seconds: Int, _ form: String) -> String {
    var seconds = seconds
    var parts = unsafe tm()
    unsafe gmtime_r(&seconds, &parts)
    var text = [CChar](repeating: 0, count: 40)
    let count = unsafe strftime(&text, 40, form, &parts)
    return String(decoding: text.prefix(count).map { UInt8($0) }, as: UTF8.self)
  }
}
