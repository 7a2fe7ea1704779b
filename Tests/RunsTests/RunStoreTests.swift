import Evaluation
import Foundation
import Identifiers
import Metrics
import RunDatabase
import Runs
import Testing
import Training

/// Ascending identifiers for this file's runs.
private let identifiers = IdentifierSource()

/// Which store a case of the conformance table runs on.
enum StoreKind: String, CaseIterable, CustomTestStringConvertible {
  case memory, sqlite

  var testDescription: String { rawValue }

  func make(in folder: TemporaryFolder) throws -> any RunStore {
    switch self {
    case .memory: MemoryRunStore()
    case .sqlite: try SQLiteRunStore(path: folder.path + "/byol.sqlite")
    }
  }
}

extension RunStore {
  /// Adds samples to a run as it is.
  func append(_ samples: [MetricSample], to id: Identifier) throws {
    guard let record = try record(id) else { throw RunStoreError.notFound(id) }
    _ = try update(record, events: [], samples: samples)
  }
}

private let loss = Metric("loss", title: "Loss", "The loss.")

/// What every store must do.
@Suite struct `Run stores` {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func record(at milliseconds: Int64, state: RunState = .queued) throws -> RunRecord {
    let time = Timestamp(milliseconds: milliseconds)
    let run = Run(
      id: identifiers.next(at: time), name: "n",
      metadata: ["k": "v", "snakeCase": "as it is"],
      dataset: "d", recipe: try RunHarness.recipe(), createdAt: time)
    var status = RunStatus(queuedAt: time, recipe: run.recipe)
    status.state = state
    status.health = RunHealth(verdict: .suspect, evidence: "e", advice: "a")
    status.metrics = ["loss": 1.5, "tau": 0.99]
    status.progress.imagesPerSecond = 3.25
    return RunRecord(run: run, status: status, metrics: RunFigures.declared(by: run.recipe))
  }

  private func insert(_ record: RunRecord, into store: any RunStore) throws {
    _ = try store.insert(record, event: event("created", record), idempotency: nil)
  }

  private func event(_ kind: String, _ record: RunRecord) -> RunEvent {
    RunEvent(
      run: record.run.id, at: Timestamp(milliseconds: 5), kind: kind, state: record.status.state,
      reason: RunReason(code: "c", detail: "d"))
  }

  @Test(arguments: StoreKind.allCases)
  func `what is inserted reads back, once`(kind: StoreKind) throws {
    let store = try kind.make(in: folder)
    let record = try record(at: 1000)
    let entry = IdempotencyEntry(
      key: "k", bodyDigest: "x", run: record.run.id, at: Timestamp(milliseconds: 7))
    let event = try store.insert(
      record, event: event("created", record), idempotency: entry)
    #expect(event.sequence > 0)
    #expect(try store.record(record.run.id) == record)
    #expect(
      try store.events(of: record.run.id, after: 0, order: .oldestFirst, limit: 10) == [event])
    #expect(try store.idempotencyEntry("k") == entry)
    #expect(try store.idempotencyEntry("other") == nil)
    #expect(throws: RunStoreError.exists(record.run.id)) { try insert(record, into: store) }
    #expect(try store.record(identifiers.next(at: Timestamp(milliseconds: 1))) == nil)
  }

  @Test(arguments: StoreKind.allCases)
  func `an update replaces the record and numbers its events`(kind: StoreKind) throws {
    let store = try kind.make(in: folder)
    var record = try record(at: 1000)
    #expect(throws: RunStoreError.notFound(record.run.id)) {
      try store.update(record, events: [], samples: [])
    }
    try insert(record, into: store)
    record.status.state = .running
    record.run.name = "other"
    let events = try store.update(
      record, events: [event("a", record), event("b", record)], samples: [])
    #expect(try store.record(record.run.id) == record)
    #expect(events.map(\.kind) == ["a", "b"] && events[0].sequence < events[1].sequence)
    let id = record.run.id
    #expect(
      try store.events(of: id, after: events[0].sequence, order: .oldestFirst, limit: 10) == [
        events[1]
      ])
    #expect(
      try store.events(of: id, after: 0, order: .oldestFirst, limit: 2).map(\.kind) == [
        "created", "a",
      ])
    #expect(try store.counts() == [.running: 1])
  }

  @Test(arguments: StoreKind.allCases)
  func `pages are newest first and stable under insertion`(kind: StoreKind) throws {
    let store = try kind.make(in: folder)
    var ids: [Identifier] = []
    for index in 0..<7 {
      let record = try record(at: 1000, state: index % 2 == 0 ? .stopped : .queued)
      try insert(record, into: store)
      ids.insert(record.run.id, at: 0)
    }
    let first = try store.page(state: nil, limit: 3, after: nil)
    #expect(first.records.map(\.run.id) == Array(ids[..<3]) && first.hasMore)
    try insert(try record(at: 1000), into: store)
    let second = try store.page(state: nil, limit: 4, after: ids[2])
    #expect(second.records.map(\.run.id) == Array(ids[3...]) && !second.hasMore)
    let stopped = try store.page(state: .stopped, limit: 2, after: ids[0])
    #expect(stopped.records.map(\.run.id) == [ids[2], ids[4]] && stopped.hasMore)
    #expect(try store.records(in: [.stopped]).map(\.run.id) == [ids[6], ids[4], ids[2], ids[0]])
    #expect(try store.records(in: []).isEmpty)
    #expect(try store.page(state: nil, limit: .max, after: nil).records.count == 8)
  }

  @Test(arguments: StoreKind.allCases)
  func `a history is by step, and a step done again replaces its sample`(kind: StoreKind) throws {
    let store = try kind.make(in: folder)
    let record = try record(at: 1000)
    let id = record.run.id
    #expect(throws: RunStoreError.notFound(id)) { try store.append([sample(1)], to: id) }
    try insert(record, into: store)
    try store.append([sample(2), sample(1), sample(3)], to: id)
    try store.append([sample(3, loss: 9), sample(4, loss: nil)], to: id)
    let all = try store.metrics(of: id, since: 0, maximumCount: 100)
    #expect(all == [sample(1), sample(2), sample(3, loss: 9), sample(4, loss: nil)])
    try store.removeMetrics(of: id, after: 2)
    #expect(try store.metrics(of: id, since: 1, maximumCount: 100) == [sample(2)])
  }

  private func sample(_ step: Int, loss: Double? = 1) -> MetricSample {
    var values: MetricValues = [
      "cosine": 0.5, "learning_rate": 0.1, "tau": 0.99, "embedding_std": 0.04,
      "images_per_second": 10,
    ]
    values["loss"] = loss
    return MetricSample(step: step, at: Timestamp(milliseconds: Int64(step)), values: values)
  }

  @Test(arguments: StoreKind.allCases)
  func `values go by the places of their metrics, and what is not declared is not kept`(
    kind: StoreKind
  ) throws {
    let store = try kind.make(in: folder)
    var record = try record(at: 1000)
    record.metrics = [loss]
    try insert(record, into: store)
    let before = MetricSample(
      step: 1, at: Timestamp(milliseconds: 1), values: ["loss": 1, "guess": 9])
    _ = try store.update(record, events: [], samples: [before])
    // A later worker declares another metric: old samples do not have it.
    record.metrics = record.metrics.merged(with: [RunFigures.tau, loss])
    let after = MetricSample(step: 2, at: Timestamp(milliseconds: 2), values: ["tau": 0.5])
    _ = try store.update(record, events: [event("a", record)], samples: [after])
    let id = record.run.id
    #expect(try store.record(id)?.metrics.map(\.name) == ["loss", "tau"])
    let read = try store.metrics(of: id, since: 0, maximumCount: 10)
    #expect(read.map(\.values) == [["loss": 1], ["tau": 0.5]])
  }

  @Test(arguments: StoreKind.allCases)
  func `every event is reached from either end`(kind: StoreKind) throws {
    let store = try kind.make(in: folder)
    let record = try record(at: 1000)
    try insert(record, into: store)
    let added = try store.update(
      record, events: (1...4).map { event("\($0)", record) }, samples: [])
    let id = record.run.id
    let newest = try store.events(of: id, after: nil, order: .newestFirst, limit: 3)
    #expect(newest.map(\.kind) == ["4", "3", "2"])
    let older = try store.events(
      of: id, after: newest[2].sequence, order: .newestFirst, limit: 3)
    #expect(older.map(\.kind) == ["1", "created"])
    let oldest = try store.events(of: id, after: nil, order: .oldestFirst, limit: 2)
    #expect(oldest.map(\.kind) == ["created", "1"] && oldest[1] == added[0])
  }

  @Test(arguments: StoreKind.allCases)
  func `removal takes everything, and sequence numbers go on`(kind: StoreKind) throws {
    let store = try kind.make(in: folder)
    let record = try record(at: 1000)
    let id = record.run.id
    let entry = IdempotencyEntry(
      key: "k", bodyDigest: "x", run: id, at: record.run.createdAt, reply: record)
    let last = try store.insert(record, event: event("created", record), idempotency: entry)
    try store.append([sample(1)], to: id)
    try store.remove(id)
    try store.remove(id)
    #expect(try store.record(id) == nil && store.idempotencyEntry("k") == nil)
    #expect(try store.events(of: id, after: 0, order: .oldestFirst, limit: 10).isEmpty)
    #expect(try store.metrics(of: id, since: 0, maximumCount: 10).isEmpty)
    let next = try self.record(at: 2000)
    let event = try store.insert(next, event: event("created", next), idempotency: nil)
    #expect(event.sequence > last.sequence)
  }

  @Test(arguments: StoreKind.allCases)
  func `a long history keeps its peaks`(kind: StoreKind) throws {
    let store = try kind.make(in: folder)
    let record = try record(at: 1000)
    try insert(record, into: store)
    var samples = (1...40_000).map { sample($0) }
    samples[1233].values["loss"] = 7.5
    samples[34_560].values["cosine"] = -0.75
    // What an earlier worker did after step 20,000 is done again, without its peak.
    samples[29_000].values["loss"] = 100
    try store.append(samples, to: record.run.id)
    try store.removeMetrics(of: record.run.id, after: 20_000)
    samples[29_000].values["loss"] = 1
    for start in stride(from: 20_000, to: 40_000, by: 700) {
      try store.append(Array(samples[start..<min(start + 700, 40_000)]), to: record.run.id)
    }
    let few = try store.metrics(of: record.run.id, since: 0, maximumCount: 200)
    #expect(few.count <= 200 && few.first?.step == 1 && few.last?.step == 40_000)
    #expect(few.compactMap { $0.values["loss"] }.max() == 7.5)
    #expect(few.compactMap { $0.values["cosine"] }.min() == -0.75)
    #expect(few.map(\.step) == Set(few.map(\.step)).sorted())
    let late = try store.metrics(of: record.run.id, since: 1234, maximumCount: 1000)
    #expect(late.first?.step == 1235 && late.compactMap { $0.values["loss"] }.max() == 1)
    #expect(late.allSatisfy { $0 == samples[$0.step - 1] })
    let all = try store.metrics(of: record.run.id, since: 0, maximumCount: .max)
    #expect(all == samples)
    for count in [0, 1, 2, 13] {
      let fewer = try store.metrics(of: record.run.id, since: 0, maximumCount: count)
      #expect(fewer.count <= count && (count == 0 || fewer.last?.step == 40_000))
    }
  }
}

@Suite struct `Run database` {
  /// `Fixtures/two-migrations.sqlite`: a run of 400 updates as the version before declared metrics left it.
  @Test func `a file whose metrics were columns still opens`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/byol.sqlite"
    let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appending(path: "Fixtures/two-migrations.sqlite").path
    try FileManager.default.copyItem(atPath: fixture, toPath: path)
    let store = try SQLiteRunStore(path: path)
    let record = try #require(try store.records(in: [.succeeded]).first)
    #expect(
      record.metrics.map(\.name) == [
        "loss", "cosine", "learning_rate", "tau", "embedding_std", "images_per_second",
      ])
    #expect(record.status.metrics?["tau"] == 0.999999845788224)
    let samples = try store.metrics(of: record.run.id, since: 0, maximumCount: 1000)
    #expect(samples.map(\.step) == Array(1...400))
    #expect(
      samples[6].values == [
        "cosine": 0.5, "learning_rate": 0.25, "tau": 0.9900055506251901, "embedding_std": 0.04,
        "images_per_second": 100,
      ])
    #expect(samples[299].values["loss"] == 7.5 && samples[299].values["cosine"] == nil)
    // It goes on: the next worker's metrics join those that were there.
    var next = record
    next.metrics = record.metrics.merged(with: RunFigures.declared(by: record.run.recipe))
    let sample = MetricSample(
      step: 401, at: .now(), values: ["loss": 2, "view_wait_share": 0.5])
    _ = try store.update(next, events: [], samples: [sample])
    let last = try store.metrics(of: record.run.id, since: 399, maximumCount: 1000)
    #expect(last.map(\.step) == [400, 401] && last[1] == sample)
  }

  @Test func `a reopened file has everything`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/byol.sqlite"
    let run = Run(
      id: identifiers.next(at: .now()), name: "", metadata: [:], dataset: "d",
      recipe: try RunHarness.recipe(), createdAt: Timestamp(milliseconds: 1_700_000_000_123))
    let record = RunRecord(
      run: run, status: RunStatus(queuedAt: run.createdAt, recipe: run.recipe))
    let event = RunEvent(run: run.id, at: run.createdAt, kind: "created", state: .queued)
    var store: SQLiteRunStore? = try SQLiteRunStore(path: path)
    let first = try store?.insert(record, event: event, idempotency: nil)
    store = nil
    let reopened = try SQLiteRunStore(path: path)
    #expect(try reopened.record(run.id) == record)
    #expect(
      try reopened.events(of: run.id, after: 0, order: .oldestFirst, limit: 5) == [
        try #require(first)
      ])
  }

  @Test func `a backup taken while in use reads back`() throws {
    let folder = try TemporaryFolder()
    let store = try SQLiteRunStore(path: folder.path + "/byol.sqlite")
    let run = Run(
      id: identifiers.next(at: .now()), name: "", metadata: [:], dataset: "d",
      recipe: try RunHarness.recipe(), createdAt: Timestamp(milliseconds: 1))
    let record = RunRecord(
      run: run, status: RunStatus(queuedAt: run.createdAt, recipe: run.recipe))
    let event = RunEvent(run: run.id, at: run.createdAt, kind: "created", state: .queued)
    _ = try store.insert(record, event: event, idempotency: nil)
    try store.backUp(to: folder.path + "/copy.sqlite")
    #expect(try SQLiteRunStore(path: folder.path + "/copy.sqlite").record(run.id) == record)
  }
}

@Suite struct `Run retention` {
  private func store(_ adjust: (inout RunRetention) -> Void) throws -> (
    folder: TemporaryFolder, store: SQLiteRunStore, run: RunRecord
  ) {
    let folder = try TemporaryFolder()
    var retention = RunRetention()
    adjust(&retention)
    let store = try SQLiteRunStore(path: folder.path + "/byol.sqlite", retention: retention)
    let run = Run(
      id: identifiers.next(at: .now()), name: "", metadata: [:], dataset: "d",
      recipe: try RunHarness.recipe(), createdAt: .now())
    let record = RunRecord(
      run: run, status: RunStatus(queuedAt: run.createdAt, recipe: run.recipe),
      metrics: [loss])
    let event = RunEvent(run: run.id, at: .now(), kind: "created", state: .queued)
    _ = try store.insert(record, event: event, idempotency: nil)
    return (folder, store, record)
  }

  @Test(arguments: [1, 700, 40_000])
  func `of old updates the peaks stay, of new ones everything`(batch: Int) throws {
    let (_, store, record) = try store { $0.steps = 10_000 }
    let samples = (1...(batch == 1 ? 15_000 : 40_000)).map { step in
      MetricSample(
        step: step, at: Timestamp(milliseconds: 0),
        values: ["loss": step == 1235 ? 7.5 : Double(step % 100) / 100])
    }
    for start in stride(from: 0, to: samples.count, by: batch) {
      try store.append(
        Array(samples[start..<min(start + batch, samples.count)]), to: record.run.id)
    }
    let kept = try store.metrics(of: record.run.id, since: 0, maximumCount: .max)
    let boundary = (samples.count - 10_000) / 4096 * 4096
    #expect(kept.filter { $0.step >= boundary } == Array(samples[(boundary - 1)...]))
    let old = kept.filter { $0.step < boundary }
    // Of each 256 the least and the greatest loss.
    #expect(!old.isEmpty && old.count <= 2 * boundary / 256)
    #expect(old.contains { $0.step == 1235 } && old.allSatisfy { $0 == samples[$0.step - 1] })
    let drawn = try store.metrics(of: record.run.id, since: 0, maximumCount: 100)
    #expect(drawn.count <= 100 && drawn.contains { $0.values["loss"] == 7.5 })
  }

  @Test func `the newest events stay`() throws {
    let (_, store, record) = try store { $0.events = 100 }
    var last: Int64 = 0
    for _ in 0..<50 {
      let events = (0..<10).map { step in
        RunEvent(
          run: record.run.id, at: .now(), kind: "checkpoint", state: .running, step: step)
      }
      last = try #require(try store.update(record, events: events, samples: []).last).sequence
    }
    let kept = try store.events(of: record.run.id, after: 0, order: .oldestFirst, limit: .max)
    #expect((100..<200).contains(kept.count) && kept.last?.sequence == last)
    #expect(kept.map(\.sequence) == Array((last - Int64(kept.count) + 1)...last))
    #expect(kept.last?.step == 9)
  }
}
