import Durability
import Foundation
import GRDB
public import Identifiers
import JSONTree
import Metrics
public import Runs
import Synchronization

// The tables, and what each is for:
//
// - `run`: one row per run. Columns that are asked for by value (id, state, dataset) stand on their own;
//   the rest is JSON as `JSONCoding` writes it, so a new field of the status needs no migration. `metrics` declares
//   what the run reports, in an order that never changes.
// - `event`: the log of all runs; `sequence` is never used twice, even after a deletion.
// - `sample`: one row per update, keyed by the run's number and step without a rowid, so that a run's history lies
//   together on disk in the order in which it is drawn. Its values are packed in the order of `run.metrics`: a row per
//   value is five times as large and as slow to write (docs/decisions/0019). `sample_peak`: where the peaks are.
// - `idempotency`: the first use of each key.
// - `training`: seconds by owner and day of UTC. It is apart from runs, since a run that is removed has trained all the same.
//
// The journal is a write-ahead log, and `synchronous` is FULL: a call that has returned is on disk.

/// Runs in a SQLite file.
public final class SQLiteRunStore: RunStore {
  private let pool: DatabasePool
  let retention: RunRetention
  /// Runs by the text they were decoded from: a list is asked for again and again, and most of a row never changes.
  private let decoded = Mutex<[String: Run]>([:])
  /// Declarations by their text: most runs have the same.
  private let declared = Mutex<[String: [Metric]]>([:])
  private static let decodedLimit = 1000

  /// Opens or makes the file and brings its tables up to date.
  ///
  /// - Throws: `RunStoreError.newerFormat` if a newer version of this product made it; `DatabaseError`.
  public init(path: String, retention: RunRetention = RunRetention()) throws {
    self.retention = retention
    var configuration = Configuration()
    configuration.busyMode = .timeout(5)
    configuration.prepareDatabase { database in
      try database.execute(sql: "PRAGMA synchronous = FULL")
    }
    pool = try DatabasePool(path: path, configuration: configuration)
    try pool.read(SQLiteRunStore.requireKnownFormat)
    try RunMigrations.migrator.migrate(pool)
  }

  /// Throws where a newer version of this product has changed the tables.
  static func requireKnownFormat(_ database: Database) throws {
    let migrator = RunMigrations.migrator
    let unknown = try migrator.appliedIdentifiers(database).subtracting(migrator.migrations)
    if let found = unknown.sorted().last { throw RunStoreError.newerFormat(found: found) }
  }

  /// Copies the whole database, as it is at one moment, into a new file while the store is in use.
  ///
  /// - Throws: `DatabaseError`.
  public func backUp(to path: String) throws {
    let copy = try DatabaseQueue(path: path)
    try pool.backup(to: copy)
    try copy.close()
  }

  /// Copies the database at a path, also while a service uses it, and opens the copy.
  ///
  /// - Throws: `RunStoreError`, `DatabaseError`.
  public static func copy(from path: String, to copy: String) throws -> any RunStore {
    try SQLiteRunStore(path: path).backUp(to: copy)
    return try SQLiteRunStore(path: copy)
  }

  func write<Value>(_ body: (Database) throws -> Value) throws -> Value {
    do {
      return try pool.write(body)
    } catch let error as DatabaseError {
      guard let code = SQLiteRunStore.systemCode(of: error) else { throw error }
      throw FileSystemError(operation: "write", path: pool.path, code: code)
    }
  }

  /// The system's error number behind a failed write, where it is the disk's fault.
  private static func systemCode(of error: DatabaseError) -> Int32? {
    switch error.resultCode {
    case .SQLITE_FULL: ENOSPC
    case .SQLITE_READONLY, .SQLITE_CANTOPEN: EROFS
    case .SQLITE_IOERR: EIO
    default: nil
    }
  }

  func read<Value>(_ body: (Database) throws -> Value) throws -> Value {
    try pool.read(body)
  }
}

// MARK: - Runs

extension SQLiteRunStore {
  /// Adds a run with its first event.
  public func insert(_ record: RunRecord, event: RunEvent, idempotency: IdempotencyEntry?) throws
    -> RunEvent
  {
    try write { database in
      let id = record.run.id.description
      guard
        try Row.fetchOne(database, sql: "SELECT 1 FROM run WHERE id = ?", arguments: [id]) == nil
      else { throw RunStoreError.exists(record.run.id) }
      try database.execute(
        sql: "INSERT INTO run (id, state, dataset, run, status, metrics) VALUES (?, ?, ?, ?, ?, ?)",
        arguments: [
          id, record.status.state.rawValue, record.run.dataset, try text(record.run),
          try text(record.status), try text(record.metrics),
        ])
      if let idempotency { try insert(idempotency, database) }
      return try insert(event, database)
    }
  }

  private func insert(_ entry: IdempotencyEntry, _ database: Database) throws {
    try database.execute(
      sql: "INSERT INTO idempotency (key, digest, run, at, reply) VALUES (?, ?, ?, ?, ?)",
      arguments: [
        entry.key, entry.bodyDigest, entry.run.description, entry.at.milliseconds,
        try entry.reply.map { try text($0) },
      ])
  }

  /// Replaces a run's record and adds events and samples.
  public func update(_ record: RunRecord, events: [RunEvent], samples: [MetricSample]) throws
    -> [RunEvent]
  {
    try write { database in
      guard let number = try number(record.run.id, database) else {
        throw RunStoreError.notFound(record.run.id)
      }
      try database.execute(
        sql: "UPDATE run SET state = ?, run = ?, status = ?, metrics = ? WHERE number = ?",
        arguments: [
          record.status.state.rawValue, try text(record.run), try text(record.status),
          try text(record.metrics), number,
        ])
      try append(samples, to: number, metrics: record.metrics, database)
      return try events.map { try insert($0, database) }
    }
  }

  /// One run, or nil.
  public func record(_ id: Identifier) throws -> RunRecord? {
    try read { database in
      try Row.fetchOne(
        database, sql: "SELECT run, status, metrics FROM run WHERE id = ?",
        arguments: [id.description]
      ).map(record)
    }
  }

  /// Runs, newest first.
  public func page(state: RunState?, limit: Int, after: Identifier?) throws -> RunPage {
    // Without the state in the text of the query its index could not be used.
    let isWanted = state == nil ? ":state IS NULL" : "state = :state"
    let rows = try read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT run, status, metrics FROM run
          WHERE \(isWanted) AND id < :after ORDER BY id DESC LIMIT :limit
          """,
        arguments: [
          "state": state?.rawValue, "after": after?.description ?? "~",
          "limit": min(limit, .max - 1) + 1,
        ])
    }
    return RunPage(records: try rows.prefix(limit).map(record), hasMore: rows.count > limit)
  }

  /// All runs in some states, oldest first.
  public func records(in states: Set<RunState>) throws -> [RunRecord] {
    let marks = states.map { _ in "?" }.joined(separator: ", ")
    return try read { database in
      try Row.fetchAll(
        database, sql: "SELECT run, status, metrics FROM run WHERE state IN (\(marks)) ORDER BY id",
        arguments: StatementArguments(states.map(\.rawValue))
      ).map(record)
    }
  }

  /// How many runs are in each state.
  public func counts() throws -> [RunState: Int] {
    try read { database in
      let rows = try Row.fetchAll(
        database, sql: "SELECT state, COUNT(*) AS count FROM run GROUP BY state")
      return rows.reduce(into: [:]) { counts, row in
        if let state = RunState(rawValue: row["state"]) { counts[state] = row["count"] }
      }
    }
  }

  /// Removes it with its history and events; nothing happens if there is none.
  public func remove(_ id: Identifier) throws {
    try write { database in
      guard let number = try number(id, database) else { return }
      for table in ["sample", "sample_peak"] {
        try database.execute(sql: "DELETE FROM \(table) WHERE run = ?", arguments: [number])
      }
      for table in ["event", "idempotency"] {
        try database.execute(
          sql: "DELETE FROM \(table) WHERE run = ?", arguments: [id.description])
      }
      try database.execute(sql: "DELETE FROM run WHERE id = ?", arguments: [id.description])
    }
  }

  private func record(_ row: Row) throws -> RunRecord {
    RunRecord(
      run: try run(row["run"]), status: try value(RunStatus.self, row["status"]),
      metrics: try metrics(row["metrics"]))
  }

  private func number(_ id: Identifier, _ database: Database) throws -> Int64? {
    try Int64.fetchOne(
      database, sql: "SELECT number FROM run WHERE id = ?", arguments: [id.description])
  }

  func metrics(_ text: String) throws -> [Metric] {
    if let metrics = declared.withLock({ $0[text] }) { return metrics }
    let metrics = try value([Metric].self, text)
    declared.withLock { declared in
      if declared.count >= SQLiteRunStore.decodedLimit { declared = [:] }
      declared[text] = metrics
    }
    return metrics
  }

  private func run(_ text: String) throws -> Run {
    if let run = decoded.withLock({ $0[text] }) { return run }
    let run = try value(Run.self, text)
    decoded.withLock { decoded in
      if decoded.count >= SQLiteRunStore.decodedLimit { decoded = [:] }
      decoded[text] = run
    }
    return run
  }

  /// What was remembered for an idempotency key.
  public func idempotencyEntry(_ key: String) throws -> IdempotencyEntry? {
    try read { database in
      let row = try Row.fetchOne(
        database, sql: "SELECT digest, run, at, reply FROM idempotency WHERE key = ?",
        arguments: [key])
      guard let row, let run = Identifier(row["run"]) else { return nil }
      let reply: String? = row["reply"]
      return IdempotencyEntry(
        key: key, bodyDigest: row["digest"], run: run, at: Timestamp(milliseconds: row["at"]),
        reply: try reply.map { try value(RunRecord.self, $0) })
    }
  }

  func text(_ value: some Encodable) throws -> String {
    String(decoding: try JSONCoding.encode(value), as: UTF8.self)
  }

  func value<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
    try JSONCoding.decode(type, from: Array(text.utf8))
  }
}
