/// Pictures per second over the last few seconds, and how much of them was waiting.
struct Speed {
  private var marks: [(at: ContinuousClock.Instant, pictures: Int, waited: Double)]
  private static let windowSeconds = 10.0

  init(_ now: ContinuousClock.Instant) { marks = [(now, 0, 0)] }

  mutating func add(_ pictures: Int, waited seconds: Double, at now: ContinuousClock.Instant) {
    marks.append((now, pictures, seconds))
    while marks.count > 2, now - marks[1].at > .seconds(Speed.windowSeconds) { marks.removeFirst() }
  }

  var perSecond: Double? {
    seconds.map { Double(marks.dropFirst().reduce(0) { $0 + $1.pictures }) / $0 }
  }

  /// Share of the time that updates waited for views.
  var waitShare: Double? { seconds.map { marks.dropFirst().reduce(0) { $0 + $1.waited } / $0 } }

  private var seconds: Double? {
    guard let first = marks.first, let last = marks.last, last.at > first.at else { return nil }
    return (last.at - first.at) / .seconds(1)
  }
}
