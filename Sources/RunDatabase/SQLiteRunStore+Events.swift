import GRDB
public import Runs

// MARK: - Events

extension SQLiteRunStore {
  func insert(_ event: RunEvent, _ database: Database) throws -> RunEvent {
    try database.execute(
      sql: "INSERT INTO event (run, at, kind, state, code, detail) VALUES (?, ?, ?, ?, ?, ?)",
      arguments: [
        event.run.description, event.at.milliseconds, event.kind, event.state.rawValue,
        event.reason?.code, event.reason?.detail,
      ])
    var numbered = event
    numbered.sequence = database.lastInsertedRowID
    return numbered
  }

  /// A run's events after a sequence number, in order.
  public func events(of id: RunID, after sequence: Int64, limit: Int) throws -> [RunEvent] {
    try read { database in
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT sequence, at, kind, state, code, detail FROM event
          WHERE run = ? AND sequence > ? ORDER BY sequence LIMIT ?
          """, arguments: [id.description, sequence, limit])
      return rows.compactMap { row in
        guard let state = RunState(rawValue: row["state"]) else { return nil }
        let code: String? = row["code"]
        return RunEvent(
          run: id, at: Timestamp(milliseconds: row["at"]), kind: row["kind"], state: state,
          reason: code.map { RunReason(code: $0, detail: row["detail"] ?? "") },
          sequence: row["sequence"])
      }
    }
  }
}
