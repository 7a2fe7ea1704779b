import Evaluation
import Identifiers
import Metrics
import Recipes
import Training

/// A run that has its turn: what callers see of it, its worker, and what the store has not taken yet.
///
/// It belongs to the coordinator's actor, which alone holds it. It decides what a report means; whatever it decides is
/// only in memory until the coordinator has written it and says so by `wasSaved`.
final class RunTurn {
  let id: Identifier
  /// What callers see; ahead of the store by at most a second of progress.
  private(set) var record: RunRecord
  private(set) var unsavedSamples: [MetricSample] = []
  private(set) var unsavedEvents: [RunEvent] = []
  /// When the store was last asked to take what is unsaved.
  private(set) var savedAt: ContinuousClock.Instant
  /// The last report of kind `finished` or `failed` of the present worker.
  private(set) var lastWord: WorkerReport?
  /// What starts worker after worker; ends with the turn.
  var task: Task<Void, Never>?
  /// Why it is asked to stop.
  var stopReason = RunReason.stopRequested
  private var worker: WorkerProcess?
  /// Until when the present worker's time is counted.
  private var countedUntil: ContinuousClock.Instant?
  /// The pause before a replacement.
  private var backoff: Task<Void, Never>?
  /// Whether an event has said that the present worker reports metrics that it did not declare.
  private var hasToldUndeclared = false

  /// Samples that wait in memory while the store does not take them.
  private static let unsavedSampleLimit = 100_000

  init(_ record: RunRecord, at instant: ContinuousClock.Instant) {
    id = record.run.id
    self.record = record
    savedAt = instant
  }

  var isStopping: Bool { record.status.state == .stopping }

  // MARK: What the store takes

  /// The store has this record; what was unsaved before stays so.
  func replace(_ record: RunRecord) { self.record = record }

  /// The store is asked now.
  func willSave(at instant: ContinuousClock.Instant) { savedAt = instant }

  /// The store has taken everything.
  func wasSaved() { (unsavedSamples, unsavedEvents) = ([], []) }

  /// The store does not take it now: the oldest samples give way where there are too many.
  func wasNotSaved() {
    let surplus = unsavedSamples.count - RunTurn.unsavedSampleLimit
    if surplus > 0 { unsavedSamples.removeFirst(surplus) }
  }

  // MARK: The worker

  /// A worker begins.
  func begin(_ worker: WorkerProcess, at instant: ContinuousClock.Instant) {
    self.worker = worker
    countedUntil = instant
    lastWord = nil
    hasToldUndeclared = false
  }

  /// The worker has left.
  func endWorker() { (worker, countedUntil) = (nil, nil) }

  /// Seconds that the worker has worked and that nobody has taken yet.
  func takeWorkedSeconds(until instant: ContinuousClock.Instant) -> Double {
    guard let countedUntil, instant > countedUntil else { return 0 }
    self.countedUntil = instant
    return (instant - countedUntil) / .seconds(1)
  }

  func kill() { worker?.kill(for: .request) }

  func askToStop(byClosingInput: Bool, within limit: Duration) {
    worker?.askToStop(byClosingInput: byClosingInput, within: limit)
  }

  /// Waits before a replacement, until the pause is over or cut short.
  func wait(for pause: Task<Void, Never>, isCutShort: Bool) async {
    backoff = pause
    if isCutShort { pause.cancel() }
    await pause.value
    backoff = nil
  }

  func cutPauseShort() { backoff?.cancel() }

  // MARK: What happens to the run

  /// The run enters another state.
  func move(to state: RunState, _ reason: RunReason?, at time: Timestamp) {
    let (after, event) = record.moved(to: state, reason: reason, at: time)
    record = after
    unsavedEvents.append(event)
  }

  /// The worker crashed and is to be replaced.
  func countCrash(_ reason: RunReason, at time: Timestamp) {
    record.status.restarts += 1
    record.status.version += 1
    record.status.reason = RunReason(
      code: "restarting", detail: "Restart \(record.status.restarts) after: \(reason.detail)")
    unsavedEvents.append(record.event("worker_exited", at: time, reason))
  }

  /// Takes in what the worker reports.
  ///
  /// - Returns: whether anything changed that callers see.
  func take(_ report: WorkerReport, at time: Timestamp) -> Bool {
    let steps = 0...max(0, record.status.progress.steps)
    if let step = report.step, !steps.contains(step) { return false }
    record.status.bestStep = report.best ?? record.status.bestStep
    switch report.kind {
    case .started: takeStart(report, at: time)
    case .progress: takeProgress(report, at: time)
    case .checkpoint:
      record.status.checkpointStep = report.step
      record.status.checkpointAt = time
      unsavedEvents.append(record.event("checkpoint", at: time, step: report.step))
    case .heartbeat: return false
    case .finished: lastWord = report
    case .failed:
      lastWord = report
      takeFailure(report, at: time)
    }
    record.status.version += 1
    return true
  }

  private func takeStart(_ report: WorkerReport, at time: Timestamp) {
    let step = report.step ?? 0
    record.metrics = record.metrics.merged(with: report.declared ?? [])
    record.status.resumedFrom = step > 0 ? step : nil
    if step > 0 && record.status.checkpointStep != step {
      // A worker whose service had died wrote it, or a newer one did not read back.
      (record.status.checkpointStep, record.status.checkpointAt) = (step, time)
    }
    record.status.progress = progress(step: step)
    if record.status.state == .running { record.status.reason = nil }
    // What an earlier worker did after that checkpoint is done again.
    unsavedSamples.removeAll { $0.step > step }
    unsavedEvents.append(record.event("worker_started", at: time, report.warning, step: step))
  }

  private func takeProgress(_ report: WorkerReport, at time: Timestamp) {
    guard let step = report.step else { return }
    let reported = report.metrics ?? MetricValues()
    tellUndeclared(reported, at: time)
    let names = record.metrics.map(\.name)
    let values = MetricValues(names, reported.ordered(by: names))
    let speed = values[RunFigures.imagesPerSecond]
    record.status.progress = progress(step: step, imagesPerSecond: speed)
    record.status.progress.viewWaitShare = values[RunFigures.viewWaitShare]
    record.status.metrics = values
    unsavedSamples.append(MetricSample(step: step, at: time, values: values))
    guard let health = report.health else { return }
    let isNews = record.status.health?.verdict != health.verdict
    record.status.health = health
    guard isNews else { return }
    let reason = RunReason(code: health.verdict.rawValue, detail: health.evidence)
    unsavedEvents.append(record.event("health", at: time, reason))
  }

  /// A run that diverged is not healthy, whatever its last verdict was.
  private func takeFailure(_ report: WorkerReport, at time: Timestamp) {
    guard let reason = report.reason, reason.code == "loss_not_finite" else { return }
    record.status.health = RunHealth(
      verdict: .collapsed, evidence: reason.detail,
      advice: "Start a new run with a lower learning rate or a longer warm-up.")
    unsavedEvents.append(
      record.event(
        "health", at: time,
        RunReason(code: CollapseVerdict.Health.collapsed.rawValue, detail: reason.detail)))
  }

  /// Values that nobody declared are not kept; the run's events say so, once for each worker.
  private func tellUndeclared(_ values: MetricValues, at time: Timestamp) {
    guard !hasToldUndeclared else { return }
    let names = values.names(outside: record.metrics)
    guard !names.isEmpty else { return }
    hasToldUndeclared = true
    let reason = RunReason(
      code: "metric_not_declared",
      detail:
        "The worker did not declare \(names.joined(separator: ", ")): the values are not kept.")
    unsavedEvents.append(record.event("metrics", at: time, reason))
  }

  private func progress(step: Int, imagesPerSecond: Double? = nil) -> RunProgress {
    let recipe = record.run.recipe
    let left = recipe.picturesLeft(after: step)
    return RunProgress(
      step: step, steps: recipe.totalSteps, epoch: recipe.epoch(step: step),
      epochs: recipe.epochs, imagesPerSecond: imagesPerSecond,
      etaSeconds: imagesPerSecond.flatMap { $0 > 0 ? left / $0 : nil })
  }
}

extension RunRecord {
  /// The record in another state, and the event that says so.
  func moved(to state: RunState, reason: RunReason?, at time: Timestamp) -> (RunRecord, RunEvent) {
    var record = self
    record.status.state = state
    record.status.since = time
    record.status.reason = reason
    record.status.version += 1
    if state != .running {
      record.status.progress.etaSeconds = nil
      record.status.progress.imagesPerSecond = nil
      record.status.progress.viewWaitShare = nil
    }
    return (record, record.event("state", at: time, reason))
  }

  /// An event of the run as it is.
  func event(_ kind: String, at time: Timestamp, _ reason: RunReason? = nil, step: Int? = nil)
    -> RunEvent
  {
    RunEvent(
      run: run.id, at: time, kind: kind, state: status.state, reason: reason, step: step)
  }
}
