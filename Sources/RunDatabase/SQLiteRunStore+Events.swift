import GRDB
public import Identifiers
public import Runs
import Training

// MARK: - Events

extension SQLiteRunStore {
  func insert(_ event: RunEvent, _ database: Database) throws -> RunEvent {
    try database.execute(
      sql: """
        INSERT INTO event (run, at, kind, state, code, detail, step) VALUES (?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        event.run.description, event.at.milliseconds, event.kind, event.state.rawValue,
        event.reason?.code, event.reason?.detail, event.step,
      ])
    var numbered = event
    numbered.sequence = database.lastInsertedRowID
    if numbered.sequence.isMultiple(of: SQLiteRunStore.eventPruningInterval) {
      try forgetOldEvents(of: event.run, database)
    }
    return numbered
  }

  /// Events of all runs between two looks at whether a run has too many.
  private static let eventPruningInterval: Int64 = 64

  private func forgetOldEvents(of run: Identifier, _ database: Database) throws {
    try database.execute(
      sql: """
        DELETE FROM event WHERE run = :run AND sequence <= (
          SELECT sequence FROM event WHERE run = :run ORDER BY sequence DESC LIMIT 1 OFFSET :kept)
        """, arguments: ["run": run.description, "kept": retention.events])
  }

  /// A page of a run's events, oldest or newest first.
  public func events(of id: Identifier, after sequence: Int64?, order: EventOrder, limit: Int)
    throws
    -> [RunEvent]
  {
    let (comparison, direction, end) =
      order == .oldestFirst ? (">", "ASC", Int64.min) : ("<", "DESC", Int64.max)
    return try read { database in
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT sequence, at, kind, state, code, detail, step FROM event
          WHERE run = ? AND sequence \(comparison) ? ORDER BY sequence \(direction) LIMIT ?
          """, arguments: [id.description, sequence ?? end, limit])
      return rows.compactMap { row in
        guard let state = RunState(rawValue: row["state"]) else { return nil }
        let code: String? = row["code"]
        return RunEvent(
          run: id, at: Timestamp(milliseconds: row["at"]), kind: row["kind"], state: state,
          reason: code.map { RunReason(code: $0, detail: row["detail"] ?? "") },
          step: row["step"], sequence: row["sequence"])
      }
    }
  }
}
