import Identifiers
import Recipes

/// What decides how fast an update is, besides the machine: the recipe without the fields that the table marks as
/// deciding its outcome alone.
struct UpdateShape: Hashable {
  private let recipe: Recipe
  private let dataset: String
  private let resources: RunResources

  init(_ recipe: Recipe, dataset: String, _ resources: RunResources) {
    self.recipe = recipe.updateShape
    self.dataset = dataset
    self.resources = resources
  }
}

/// What was lately seen or measured, by shape.
struct ObservedSpeeds {
  private var speeds: [UpdateShape: Double] = [:]
  private var measurements: [UpdateShape: RunMeasurement] = [:]
  private static let limit = 1000

  /// Pictures per second of runs of this shape.
  subscript(shape: UpdateShape) -> Double? {
    get { speeds[shape] }
    set {
      if speeds.count >= ObservedSpeeds.limit { speeds.removeAll() }
      speeds[shape] = newValue
    }
  }

  /// A measurement of this shape beside as many other runs.
  func measurement(_ shape: UpdateShape, besides otherRuns: Int) -> RunMeasurement? {
    measurements[shape].flatMap { $0.otherRuns == otherRuns ? $0 : nil }
  }

  mutating func remember(_ measurement: RunMeasurement, of shape: UpdateShape) {
    guard let speed = measurement.imagesPerSecond else { return }
    if measurements.count >= ObservedSpeeds.limit { measurements.removeAll() }
    measurements[shape] = measurement
    if self[shape] == nil { self[shape] = speed }
  }
}

extension UpdateShape {
  init(_ run: Run) { self.init(run.recipe, dataset: run.dataset, run.resources) }
}

extension RunCoordinator {
  /// When the first runs of the queue get their turns, to the minute, rounded up. It is nil for a run that waits behind
  /// one whose speed is not known.
  ///
  /// A waiting run takes the worker that is free first, as `startNext` has it.
  func estimatedStarts(first count: Int) -> [Timestamp?] {
    var free: [Double?] = active.values.map { seconds(left: $0.record) }
    free += [Double](repeating: 0, count: max(0, settings.runsAtOnce - active.count))
    let time = clock.timeOfDay()
    return queue.waiting.prefix(count).map { record in
      let known = free.compactMap { $0 }
      guard known.count == free.count, let earliest = known.min() else { return nil }
      free[known.firstIndex(of: earliest) ?? 0] = seconds(left: record).map { earliest + $0 }
      let minutes = (time.adding(seconds: earliest).milliseconds + 59_999) / 60_000
      return Timestamp(milliseconds: minutes * 60_000)
    }
  }

  private func seconds(left record: RunRecord) -> Double? {
    if record.status.state == .stopping { return 0 }
    if let seconds = record.status.progress.etaSeconds { return seconds }
    guard let speed = speeds[UpdateShape(record.run)], speed > 0 else { return nil }
    let recipe = record.run.recipe
    return recipe.picturesLeft(after: record.status.progress.step, side: recipe.imageSize) / speed
  }
}
