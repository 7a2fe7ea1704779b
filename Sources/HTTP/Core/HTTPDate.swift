/// Dates as HTTP sends them, `Sun, 06 Nov 1994 08:49:37 GMT`, and in the two old forms that it still takes
/// (RFC 9110 section 5.6.7).
enum HTTPDate {
  private static let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
  private static let longDays = [
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
  ]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// The text of a time in seconds since 1970.
  static func text(_ seconds: Int) -> String {
    let day = Int((Double(seconds) / 86400).rounded(.down))
    let inDay = seconds - day * 86400
    let (year, month, dayOfMonth) = civil(fromDays: day)
    let weekday = days[((day + 3) % 7 + 7) % 7]
    let clock = [inDay / 3600, inDay / 60 % 60, inDay % 60].map(twoDigits).joined(separator: ":")
    let padded = String(repeating: "0", count: max(0, 4 - String(year).count)) + String(year)
    return "\(weekday), \(twoDigits(dayOfMonth)) \(months[month - 1]) \(padded) \(clock) GMT"
  }

  /// Seconds since 1970 of a date in any of the three forms; nil for anything else, which is then ignored.
  ///
  /// The years of RFC 850's form, which has two digits, are 1970 … 2069.
  static func parse(_ text: String) -> Int? {
    let parts = text.split(separator: " ", omittingEmptySubsequences: false)
    if parts.count == 6, parts[5] == "GMT", parts[0].hasSuffix(","), parts[1].count == 2,
      days.contains(String(parts[0].dropLast())), parts[3].count == 4
    {
      return seconds(day: parts[1], month: parts[2], year: decimal(parts[3].utf8), clock: parts[4])
    }
    if parts.count == 4, parts[3] == "GMT", parts[0].hasSuffix(","),
      longDays.contains(String(parts[0].dropLast()))
    {
      let date = parts[1].split(separator: "-", omittingEmptySubsequences: false)
      guard date.count == 3, date[0].count == 2, date[2].count == 2,
        let year = decimal(date[2].utf8)
      else { return nil }
      return seconds(
        day: date[0], month: date[1], year: year + (year < 70 ? 2000 : 1900), clock: parts[2])
    }
    // asctime: a day of one digit has a blank before it.
    let asctime = text.split(separator: " ")
    guard asctime.count == 5, days.contains(String(asctime[0])), asctime[4].count == 4,
      parts.count == (asctime[2].count == 1 ? 6 : 5)
    else { return nil }
    return seconds(
      day: asctime[2], month: asctime[1], year: decimal(asctime[4].utf8), clock: asctime[3])
  }

  private static func seconds(
    day: Substring, month: Substring, year: Int?, clock: Substring
  ) -> Int? {
    let clock = clock.split(separator: ":", omittingEmptySubsequences: false)
    guard let day = decimal(day.utf8), (1...31).contains(day), let year,
      let month = months.firstIndex(of: String(month)), clock.count == 3,
      clock.allSatisfy({ $0.count == 2 }), let hour = decimal(clock[0].utf8),
      let minute = decimal(clock[1].utf8), let second = decimal(clock[2].utf8), hour < 24,
      minute < 60, second <= 60
    else { return nil }
    return days(fromYear: year, month: month + 1, day: day) * 86400 + hour * 3600 + minute * 60
      + second
  }

  private static func twoDigits(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }

  /// The proleptic Gregorian date of a day number (0 = 1970-01-01), by 400-year eras that begin in March.
  private static func civil(fromDays day: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = day + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
  }

  private static func days(fromYear year: Int, month: Int, day: Int) -> Int {
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}
