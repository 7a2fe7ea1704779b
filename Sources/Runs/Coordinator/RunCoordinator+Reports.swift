import Identifiers
import Recipes
import Training

// What workers report, and when it is written.

extension RunCoordinator {
  /// Progress is written at most this often; it is in memory at once.
  private static let flushInterval: Duration = .seconds(1)

  func receive(_ report: WorkerReport, _ turn: RunTurn) {
    noteConfinement(report)
    countTraining(of: turn)
    guard turn.take(report, at: clock.timeOfDay()) else { return }
    if report.kind == .started {
      // Where the old samples cannot be removed now, the new ones replace them step by step.
      try? store.removeMetrics(of: turn.id, after: report.step ?? 0)
    }
    // The speed of views that are still growing is not that of the recipe.
    let (run, progress) = (turn.record.run, turn.record.status.progress)
    if report.kind == .progress, let speed = progress.imagesPerSecond,
      run.recipe.stage(at: progress.step).recipe.imageSize == run.recipe.imageSize
    {
      speeds[UpdateShape(run)] = speed
    }
    countChange()
    saveIfDue(turn)
  }

  /// Keeps what a worker of a run or of a measurement says that it is held to.
  func noteConfinement(_ report: WorkerReport) {
    guard let confinement = report.confinement else { return }
    latestConfinement = ReportedConfinement(confinement: confinement, at: clock.timeOfDay())
  }

  /// Writes at once where there is an event, and otherwise where the last writing is long enough ago.
  private func saveIfDue(_ turn: RunTurn) {
    let isDue = clock.instant() - turn.savedAt >= RunCoordinator.flushInterval
    guard !turn.unsavedEvents.isEmpty || isDue else { return }
    do {
      try flush(turn)
    } catch {
      turn.wasNotSaved()
      if !turn.unsavedEvents.isEmpty { flushLater(turn.id) }
    }
  }

  private func flushLater(_ id: Identifier) {
    Task {
      try? await self.clock.pause(.seconds(1))
      guard let turn = self.active[id], !turn.unsavedEvents.isEmpty else { return }
      do { try self.flush(turn) } catch { self.flushLater(id) }
    }
  }

  /// Writes what is only in memory, in one transaction; what is not taken stays.
  func flush(_ turn: RunTurn) throws {
    turn.willSave(at: clock.instant())
    try save(turn.record, turn.unsavedEvents, samples: turn.unsavedSamples)
    turn.wasSaved()
  }

  /// Writes what has happened already and cannot be refused: again and again until it is written, or
  /// the service ends (the next one will find the run as it was, and take it up).
  func flushSurely(_ turn: RunTurn) async {
    while true {
      do {
        return try flush(turn)
      } catch RunStoreError.notFound {
        return
      } catch {
        guard !isEnding else { return }
        try? await clock.pause(.seconds(1))
      }
    }
  }
}
