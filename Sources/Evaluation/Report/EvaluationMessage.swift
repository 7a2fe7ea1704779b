/// One line of JSON that a process which evaluates writes to its standard output for the service.
///
/// There are any number of `progress`, and then, as the last line, `finished` or `failed`. A process that was asked to
/// stop, by SIGTERM or by the end of its standard input, leaves without a last line.
public struct EvaluationMessage: Sendable, Hashable, Codable {
  /// What the line tells.
  public enum Kind: String, Sendable, Hashable, Codable {
    /// How far it is.
    case progress
    /// The report.
    case finished
    /// Why there is none: going on would fail again.
    case failed
  }

  /// The longest line, in bytes.
  public static let maximumByteCount = 1 << 20

  /// What the line tells.
  public var kind: Kind
  /// How far it is (`progress`).
  public var progress: EvaluationProgress?
  /// What was found (`finished`).
  public var report: EvaluationReport?
  /// One sentence (`failed`).
  public var detail: String?

  /// A line about how far it is.
  public init(_ progress: EvaluationProgress) { (kind, self.progress) = (.progress, progress) }
  /// The last line.
  public init(_ report: EvaluationReport) { (kind, self.report) = (.finished, report) }
  /// The last line of a failure.
  public init(failed detail: String) { (kind, self.detail) = (.failed, detail) }
}

/// How far an evaluation is.
public struct EvaluationProgress: Sendable, Hashable, Codable {
  /// What is judged now.
  public var subject: EvaluationReport.Subject
  /// Pictures, views and crops done, of all subjects.
  public var done: Int
  /// Pictures, views and crops in all, known from the start.
  public var total: Int

  /// A state of progress.
  public init(_ subject: EvaluationReport.Subject, done: Int, total: Int) {
    (self.subject, self.done, self.total) = (subject, done, total)
  }
}
