import GRDB
import Runs

extension SQLiteRunStore {
  /// Looks whether this version can use the database at a path, and changes nothing; also while a service uses it.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - wholly: Whether every page is read and checked, which takes as long as reading the file.
  /// - Throws: `RunStoreError.newerFormat`, `.damaged`; `DatabaseError` where it is no database or cannot be read.
  public static func examine(path: String, wholly: Bool = false) throws {
    try SQLiteRunStore.reading(path) { database in
      try requireKnownFormat(database)
      guard wholly else { return }
      let result = try String.fetchOne(database, sql: "PRAGMA quick_check(1)") ?? ""
      if result != "ok" { throw RunStoreError.damaged(detail: result) }
    }
  }

  /// The identifiers of all runs of the database at a path; changes nothing, also while a service uses it.
  ///
  /// - Throws: `RunStoreError.newerFormat`; `DatabaseError`.
  public static func runIdentifiers(path: String) throws -> Set<String> {
    try SQLiteRunStore.reading(path) { database in
      try requireKnownFormat(database)
      return Set(try String.fetchAll(database, sql: "SELECT id FROM run"))
    }
  }

  private static func reading<Value>(
    _ path: String, _ body: (Database) throws -> Value
  ) throws -> Value {
    var configuration = Configuration()
    configuration.readonly = true
    configuration.busyMode = .timeout(5)
    let queue = try DatabaseQueue(path: path, configuration: configuration)
    let value = try queue.read(body)
    try queue.close()
    return value
  }
}
