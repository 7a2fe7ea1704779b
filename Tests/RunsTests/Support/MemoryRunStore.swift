import Identifiers
import Metrics
import Synchronization

@testable import Runs

/// A store that forgets everything when it is released: for tests and for trying things out.
final class MemoryRunStore: RunStore {
  private struct Contents {
    var records: [Identifier: RunRecord] = [:]
    var samples: [Identifier: [Int: MetricSample]] = [:]
    var events: [RunEvent] = []
    var lastSequence: Int64 = 0
    var idempotency: [String: IdempotencyEntry] = [:]
    var training: [String: [Int64: Double]] = [:]

    mutating func add(_ events: [RunEvent]) -> [RunEvent] {
      let numbered = events.enumerated().map { index, event in
        var event = event
        event.sequence = lastSequence + Int64(index) + 1
        return event
      }
      lastSequence += Int64(events.count)
      self.events += numbered
      return numbered
    }
  }

  private let contents = Mutex(Contents())

  /// An empty store.
  init() {}

  /// Adds a run with its first event.
  func insert(_ record: RunRecord, event: RunEvent, idempotency: IdempotencyEntry?) throws
    -> RunEvent
  {
    try contents.withLock { contents in
      let id = record.run.id
      guard contents.records[id] == nil else { throw RunStoreError.exists(id) }
      contents.records[id] = record
      if let idempotency { contents.idempotency[idempotency.key] = idempotency }
      return contents.add([event])[0]
    }
  }

  /// Replaces a run's record and adds events and samples.
  func update(_ record: RunRecord, events: [RunEvent], samples: [MetricSample]) throws
    -> [RunEvent]
  {
    try contents.withLock { contents in
      let id = record.run.id
      guard contents.records[id] != nil else { throw RunStoreError.notFound(id) }
      contents.records[id] = record
      let names = record.metrics.map(\.name)
      for var sample in samples {
        sample.values = MetricValues(names, sample.values.ordered(by: names))
        contents.samples[id, default: [:]][sample.step] = sample
      }
      return contents.add(events)
    }
  }

  /// One run, or nil.
  func record(_ id: Identifier) throws -> RunRecord? {
    contents.withLock { $0.records[id] }
  }

  /// Runs, newest first.
  func page(state: RunState?, limit: Int, after: Identifier?) throws -> RunPage {
    contents.withLock { contents in
      let fitting = contents.records.values.filter { record in
        (state == nil || record.status.state == state)
          && (after.map { record.run.id < $0 } ?? true)
      }.sorted { $0.run.id > $1.run.id }
      return RunPage(records: Array(fitting.prefix(limit)), hasMore: fitting.count > limit)
    }
  }

  /// All runs in some states, oldest first.
  func records(in states: Set<RunState>) throws -> [RunRecord] {
    contents.withLock { contents in
      contents.records.values.filter { states.contains($0.status.state) }
        .sorted { $0.run.id < $1.run.id }
    }
  }

  /// How many runs are in each state.
  func counts() throws -> [RunState: Int] {
    contents.withLock { contents in
      contents.records.values.reduce(into: [:]) { $0[$1.status.state, default: 0] += 1 }
    }
  }

  /// Removes a run with its history and events.
  func remove(_ id: Identifier) throws {
    contents.withLock { contents in
      contents.records[id] = nil
      contents.samples[id] = nil
      contents.events.removeAll { $0.run == id }
      contents.idempotency = contents.idempotency.filter { $0.value.run != id }
    }
  }

  /// Removes a run's samples of steps greater than `step`.
  func removeMetrics(of id: Identifier, after step: Int) throws {
    contents.withLock { contents in
      contents.samples[id] = contents.samples[id]?.filter { $0.key <= step }
    }
  }

  /// A run's samples of steps greater than `step`, by step.
  func metrics(of id: Identifier, since step: Int, maximumCount: Int) throws -> [MetricSample] {
    contents.withLock { contents in
      let samples = contents.samples[id, default: [:]].values.filter { $0.step > step }
      return samples.sorted { $0.step < $1.step }
        .downsampled(to: maximumCount, metrics: contents.records[id]?.metrics ?? [])
    }
  }

  /// A page of a run's events, oldest or newest first.
  func events(of id: Identifier, after sequence: Int64?, order: EventOrder, limit: Int) throws
    -> [RunEvent]
  {
    contents.withLock { contents in
      let all = contents.events.filter { $0.run == id }
      let ordered = order == .oldestFirst ? all : all.reversed()
      return Array(
        ordered.filter { event in
          guard let sequence else { return true }
          return order == .oldestFirst ? event.sequence > sequence : event.sequence < sequence
        }.prefix(limit))
    }
  }

  /// Adds to what an owner has trained on a day.
  func addTraining(_ seconds: Double, of owner: String, on day: Int64) throws {
    contents.withLock { contents in
      contents.training[owner, default: [:]][day, default: 0] += seconds
      for name in contents.training.keys {
        contents.training[name] = contents.training[name]?.filter { $0.key >= day - 31 }
      }
    }
  }

  /// What an owner has trained on a day.
  func trainingSeconds(of owner: String, on day: Int64) throws -> Double {
    contents.withLock { $0.training[owner]?[day] ?? 0 }
  }

  /// What was remembered for an idempotency key.
  func idempotencyEntry(_ key: String) throws -> IdempotencyEntry? {
    contents.withLock { $0.idempotency[key] }
  }
}
