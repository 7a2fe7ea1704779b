import Evaluation
import Foundation
import Metrics
import Recipes
import Runs
import Training

/// Shows a run's reports on standard error: a line that is written over on a terminal, a line every ten
/// seconds elsewhere.
struct TerminalProgress {
  private let recipe: Recipe
  private let isTerminal = isatty(STDERR_FILENO) != 0
  private let shown = Shown()

  /// When the last line was shown, in monotonic seconds, and the last verdict.
  private final class Shown {
    var at = -Double.infinity
    var verdict = CollapseVerdict.Health.healthy
    /// When the run began, in monotonic seconds; nil for one that goes on.
    var beganAt: Double?
  }

  init(recipe: Recipe) { self.recipe = recipe }

  func show(_ report: WorkerReport) {
    switch report.kind {
    case .heartbeat: break
    case .started:
      shown.beganAt = report.step == 0 ? monotonicSeconds() : nil
      say(report.step == 0 ? "Training." : "Going on after step \(report.step ?? 0).")
      if let warning = report.warning { say(warning.detail) }
    case .progress: showProgress(report)
    case .checkpoint: say(ending + checkpoint(report))
    case .finished:
      say(report.outcome == .succeeded ? "Done." : "Stopped; the same command goes on.")
      if report.outcome == .succeeded, let beganAt = shown.beganAt,
        let sentence = Self.unusedMinutes(recipe.minutes, seconds: monotonicSeconds() - beganAt)
      {
        say(sentence)
      }
    case .failed: say("Failed: \(report.reason?.detail ?? "")")
    }
  }

  /// What is told of a run that took less than `usedShare` of its minutes; nil for others, and where none were given. The updates
  /// follow from a speed that was measured before the first one, and that other work on the machine may have lowered.
  static func unusedMinutes(_ minutes: Double, seconds: Double) -> String? {
    guard minutes > 0, seconds < usedShare * 60 * minutes else { return nil }
    return
      "The run took \(duration(seconds)) of its \(duration(60 * minutes)): the machine was slower when its speed was measured. "
      + "The same command with another --output measures it anew."
  }

  private static let usedShare = 0.6

  private func checkpoint(_ report: WorkerReport) -> String {
    let step = report.step ?? 0
    guard let best = report.best else { return "Checkpoint at step \(step)." }
    return best == step
      ? "Checkpoint at step \(step), the best so far."
      : "Checkpoint at step \(step); the best is that of step \(best)."
  }

  private var ending: String { isTerminal ? "\n" : "" }

  private func showProgress(_ report: WorkerReport) {
    let step = report.step ?? 0
    let now = monotonicSeconds()
    showHealth(report.health)
    guard isTerminal || now - shown.at >= 10 || step == recipe.totalSteps else { return }
    shown.at = now
    let line = text(report, step: step)
    if isTerminal {
      writeOver(line)
    } else {
      say(line)
    }
  }

  /// Tells of a verdict that is another than the last one.
  private func showHealth(_ health: RunHealth?) {
    guard let health, health.verdict != shown.verdict else { return }
    shown.verdict = health.verdict
    say(
      (shown.at > 0 ? ending : "")
        + "\(health.verdict.rawValue): \(health.evidence) \(health.advice)")
  }

  private func text(_ report: WorkerReport, step: Int) -> String {
    let metrics = report.metrics
    // What a method reports after its loss, such as the cosine.
    let figures = RunFigures.ofMethod(recipe).map {
      "  \($0.name) \(fixed(metrics?[$0], 4))"
    }
    let speed = metrics?[RunFigures.imagesPerSecond] ?? 0
    let left = recipe.picturesLeft(after: step) / max(speed, 1e-9)
    return
      "step \(step)/\(recipe.totalSteps)  epoch \(recipe.epoch(step: max(0, step - 1)) + 1)/\(recipe.epochs)"
      + figures.joined()
      + "  \(fixed(speed, 1)) img/s  \(speed > 0 ? duration(left) : "?") left"
  }

  private func fixed(_ value: Double?, _ digits: Int) -> String {
    value.map { String(format: "%.\(digits)f", $0) } ?? "–"
  }
}

/// Writes a line to a terminal's standard error in place of the one that stands there; `end` goes behind it.
func writeOver(_ line: String, end: String = "") {
  FileHandle.standardError.write(Data("\r\u{1B}[2K\(line)\(end)".utf8))
}

/// A time for people: `45 s`, `12 min`, `3 h 20 min`.
func duration(_ seconds: Double) -> String {
  let whole = Int(min(seconds.rounded(), 1e9))
  switch whole {
  case ..<120: return "\(whole) s"
  case ..<7200: return "\(whole / 60) min"
  default: return "\(whole / 3600) h \(whole % 3600 / 60) min"
  }
}
