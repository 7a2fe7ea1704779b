public import Identifiers

/// How long the runs of an owner have trained on a day, and how long they may. Days are those of UTC.
public struct TrainingAllowance: Hashable, Sendable {
  /// The name of the key that made the runs.
  public var owner: String
  /// Seconds that workers of its runs have worked today.
  public var usedSeconds: Double
  /// Seconds per day that they may.
  public var allowedSeconds: Double
  /// When the next day begins.
  public var renewsAt: Timestamp

  /// Whether the day's time is used up.
  public var isUsedUp: Bool { usedSeconds >= allowedSeconds }

  /// What has happened and what to do.
  public var sentence: String {
    let hours = (allowedSeconds / 36).rounded() / 100
    return
      "Runs of the key \(owner) have trained the \(hours) hours that they may on a day of UTC. They can be started again "
      + "from \(renewsAt) on."
  }

  /// An allowance.
  public init(
    owner: String, usedSeconds: Double, allowedSeconds: Double, renewsAt: Timestamp
  ) {
    self.owner = owner
    self.usedSeconds = usedSeconds
    self.allowedSeconds = allowedSeconds
    self.renewsAt = renewsAt
  }
}

/// Seconds of training by owner and day, as a value: no clock, no store.
///
/// What was added is known at once and written now and then: whoever kills the service takes back less than
/// `saveSeconds` of each owner.
struct TrainingLedger {
  /// Seconds of an owner that are not written yet, at most, while the store takes them.
  static let saveSeconds = 10.0

  private struct Account {
    var day: Int64
    var seconds: Double
    var unsavedSeconds = 0.0
  }

  private var accounts: [String: Account] = [:]

  /// The day of a moment, counted from 1 January 1970.
  static func day(of time: Timestamp) -> Int64 {
    let (days, rest) = time.milliseconds.quotientAndRemainder(dividingBy: 86_400_000)
    return rest < 0 ? days - 1 : days
  }

  /// When the day after `day` begins.
  static func end(of day: Int64) -> Timestamp { Timestamp(milliseconds: (day + 1) * 86_400_000) }

  /// Seconds of a day that are known; nil where the store has to be asked.
  func seconds(of owner: String, on day: Int64) -> Double? {
    accounts[owner].flatMap { $0.day == day ? $0.seconds : nil }
  }

  /// Takes in what the store has of a day.
  mutating func open(_ owner: String, on day: Int64, seconds: Double) {
    accounts[owner] = Account(day: day, seconds: seconds)
  }

  /// Adds to an account that is open.
  ///
  /// - Returns: seconds that are to be written now; 0 for none.
  mutating func add(_ seconds: Double, to owner: String, isLast: Bool) -> Double {
    accounts[owner]?.seconds += seconds
    accounts[owner]?.unsavedSeconds += seconds
    let unsaved = accounts[owner]?.unsavedSeconds ?? 0
    return isLast || unsaved >= TrainingLedger.saveSeconds ? unsaved : 0
  }

  /// What was to be written is.
  mutating func saved(_ owner: String) { accounts[owner]?.unsavedSeconds = 0 }

  /// Seconds of an earlier day that are not written yet.
  func unsaved(of owner: String, before day: Int64) -> (day: Int64, seconds: Double)? {
    accounts[owner].flatMap { account in
      account.day != day && account.unsavedSeconds > 0
        ? (account.day, account.unsavedSeconds) : nil
    }
  }
}
