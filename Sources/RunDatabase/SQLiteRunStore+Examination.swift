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
    var configuration = Configuration()
    configuration.readonly = true
    configuration.busyMode = .timeout(5)
    let queue = try DatabaseQueue(path: path, configuration: configuration)
    try queue.read { database in
      try requireKnownFormat(database)
      guard wholly else { return }
      let result = try String.fetchOne(database, sql: "PRAGMA quick_check(1)") ?? ""
      if result != "ok" { throw RunStoreError.damaged(detail: result) }
    }
    try queue.close()
  }
}
