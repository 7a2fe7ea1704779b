import Checkpoints
import Identifiers
import Recipes
import Training

// What workers report.

extension RunCoordinator {
  /// Progress is written at most this often; it is in memory at once.
  private static let flushInterval: Duration = .seconds(1)

  func receive(_ report: WorkerReport, _ id: Identifier) {
    guard var record = active[id]?.record else { return }
    let steps = 0...max(0, record.status.progress.steps)
    if let step = report.step, !steps.contains(step) { return }
    var events: [RunEvent] = []
    switch report.kind {
    case .started: events = started(report, &record)
    case .progress: events = progressed(report, &record)
    case .checkpoint:
      record.status.checkpointStep = report.step
      record.status.checkpointAt = now()
      events = [event("checkpoint", record, step: report.step)]
    case .heartbeat: return
    case .finished, .failed: active[id]?.lastWord = report
    }
    record.status.version += 1
    active[id]?.record = record
    countChange()
    remember(record, events)
  }

  private func started(_ report: WorkerReport, _ record: inout RunRecord) -> [RunEvent] {
    let step = report.step ?? 0
    record.status.resumedFrom = step > 0 ? step : nil
    if step > 0 && record.status.checkpointStep != step {
      // A worker whose service had died wrote it, or a newer one did not read back.
      (record.status.checkpointStep, record.status.checkpointAt) = (step, now())
    }
    record.status.progress = progress(step: step, imagesPerSecond: nil, record.run.recipe)
    if record.status.state == .running { record.status.reason = nil }
    active[record.run.id]?.pendingSamples.removeAll { $0.step > step }
    // What an earlier worker did after that checkpoint is done again; if the old samples cannot be
    // removed now, the new ones replace them step by step.
    try? store.removeMetrics(of: record.run.id, after: step)
    return [event("worker_started", record, step: step)]
  }

  private func progressed(_ report: WorkerReport, _ record: inout RunRecord) -> [RunEvent] {
    guard let step = report.step else { return [] }
    let metrics = report.metrics ?? RunMetrics()
    record.status.progress = progress(
      step: step, imagesPerSecond: report.imagesPerSecond, record.run.recipe)
    record.status.progress.viewWaitShare = report.viewWaitShare
    record.status.metrics = metrics
    if let speed = report.imagesPerSecond {
      speeds[UpdateShape(record.run)] = speed
    }
    active[record.run.id]?.pendingSamples.append(
      MetricSample(
        step: step, at: now(), metrics: metrics, imagesPerSecond: report.imagesPerSecond))
    guard let health = report.health else { return [] }
    let changed = record.status.health?.verdict != health.verdict
    record.status.health = health
    guard changed else { return [] }
    return [
      event(
        "health", record, RunReason(code: health.verdict.rawValue, detail: health.evidence))
    ]
  }

  private func progress(step: Int, imagesPerSecond: Double?, _ recipe: Recipe) -> RunProgress {
    let left = Double((recipe.totalSteps - step) * recipe.batchSize)
    return RunProgress(
      step: step, steps: recipe.totalSteps, epoch: recipe.epoch(step: step),
      epochs: recipe.epochs, imagesPerSecond: imagesPerSecond,
      etaSeconds: imagesPerSecond.flatMap { $0 > 0 ? left / $0 : nil })
  }

  /// Writes now if there is an event, and otherwise if the last writing is long enough ago.
  private func remember(_ record: RunRecord, _ events: [RunEvent]) {
    let id = record.run.id
    active[id]?.pendingEvents += events
    guard let run = active[id] else { return }
    let isDue = ContinuousClock.now - run.lastFlush >= RunCoordinator.flushInterval
    guard !events.isEmpty || isDue else { return }
    do {
      try flush(id)
    } catch {
      // The store does not take it now: it waits in memory, the figures bounded.
      let surplus = run.pendingSamples.count - RunCoordinator.greatestPendingCount
      if surplus > 0 { active[id]?.pendingSamples.removeFirst(surplus) }
      if !events.isEmpty { flushLater(id) }
    }
  }

  private func flushLater(_ id: Identifier) {
    Task {
      try? await self.pause(.seconds(1))
      guard self.active[id]?.pendingEvents.isEmpty == false else { return }
      do { try self.flush(id) } catch { self.flushLater(id) }
    }
  }

  private static let greatestPendingCount = 100_000
}
