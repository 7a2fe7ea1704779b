import GRDB
import Runs

extension SQLiteRunStore {
  /// Days of which training is remembered.
  private static let trainingDays: Int64 = 31

  /// Adds to what an owner has trained on a day.
  public func addTraining(_ seconds: Double, of owner: String, on day: Int64) throws {
    try write { database in
      try database.execute(
        sql: """
          INSERT INTO training (owner, day, seconds) VALUES (:owner, :day, :seconds)
          ON CONFLICT DO UPDATE SET seconds = seconds + :seconds
          """, arguments: ["owner": owner, "day": day, "seconds": seconds])
      try database.execute(
        sql: "DELETE FROM training WHERE day < ?", arguments: [day - SQLiteRunStore.trainingDays])
    }
  }

  /// What an owner has trained on a day.
  public func trainingSeconds(of owner: String, on day: Int64) throws -> Double {
    try read { database in
      try Double.fetchOne(
        database, sql: "SELECT seconds FROM training WHERE owner = ? AND day = ?",
        arguments: [owner, day])
    } ?? 0
  }
}
