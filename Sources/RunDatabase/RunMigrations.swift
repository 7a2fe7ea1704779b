import Foundation
import GRDB

/// The ordered changes of the tables; one that has been released is never edited.
enum RunMigrations {
  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1 runs, events, metrics, idempotency") { database in
      try database.execute(
        sql: """
          CREATE TABLE run (
            number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, state TEXT NOT NULL, dataset TEXT NOT NULL,
            run TEXT NOT NULL, status TEXT NOT NULL);
          CREATE INDEX run_by_state ON run (state, id);
          CREATE TABLE event (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, at INTEGER NOT NULL,
            kind TEXT NOT NULL, state TEXT NOT NULL, code TEXT, detail TEXT);
          CREATE INDEX event_by_run ON event (run, sequence);
          CREATE TABLE metric (
            run INTEGER NOT NULL, step INTEGER NOT NULL, at INTEGER NOT NULL, loss REAL, cosine REAL,
            learning_rate REAL, tau REAL, embedding_std REAL, images_per_second REAL,
            PRIMARY KEY (run, step)) WITHOUT ROWID;
          CREATE TABLE metric_peak (
            run INTEGER NOT NULL, width INTEGER NOT NULL, step INTEGER NOT NULL,
            PRIMARY KEY (run, width, step)) WITHOUT ROWID;
          CREATE TABLE idempotency (
            key TEXT PRIMARY KEY NOT NULL, digest TEXT NOT NULL, run TEXT NOT NULL,
            at INTEGER NOT NULL);
          CREATE INDEX idempotency_by_run ON idempotency (run);
          """)
    }
    migrator.registerMigration("2 steps of events, replies to idempotency keys") { database in
      try database.execute(
        sql: """
          ALTER TABLE event ADD COLUMN step INTEGER;
          ALTER TABLE idempotency ADD COLUMN reply TEXT;
          """)
    }
    migrator.registerMigration("3 metrics by declaration", migrate: declareMetrics)
    migrator.registerMigration("4 training by owner and day") { database in
      try database.execute(
        sql: """
          CREATE TABLE training (
            owner TEXT NOT NULL, day INTEGER NOT NULL, seconds REAL NOT NULL,
            PRIMARY KEY (owner, day)) WITHOUT ROWID;
          """)
    }
    return migrator
  }

  /// A run declares its metrics, and a sample holds their values by place. Before, the six metrics of BYOL were columns.
  private static func declareMetrics(_ database: Database) throws {
    let pack = DatabaseFunction("packed", argumentCount: 6, pure: true) { values in
      PackedValues.bytes(values.map { Double.fromDatabaseValue($0) ?? .nan })
    }
    database.add(function: pack)
    defer { database.remove(function: pack) }
    try database.execute(
      sql: """
        ALTER TABLE run ADD COLUMN metrics TEXT NOT NULL DEFAULT '[]';
        CREATE TABLE sample (
          run INTEGER NOT NULL, step INTEGER NOT NULL, at INTEGER NOT NULL, value BLOB NOT NULL,
          PRIMARY KEY (run, step)) WITHOUT ROWID;
        INSERT INTO sample
          SELECT run, step, at,
            packed(loss, cosine, learning_rate, tau, embedding_std, images_per_second)
          FROM metric ORDER BY run, step;
        DROP TABLE metric;
        ALTER TABLE metric_peak RENAME TO sample_peak;
        """)
    try database.execute(
      sql: "UPDATE run SET metrics = ?", arguments: [RunMigrations.metricsOfColumns])
  }

  /// What the columns held, in their order.
  private static let metricsOfColumns = """
    [{"name":"loss","title":"Loss","sentence":"BYOL's symmetrised loss.","minimum":0,"maximum":8},\
    {"name":"cosine","title":"Cosine","minimum":-1,"maximum":1,\
    "sentence":"Mean cosine of the prediction of one view and the projection of the other."},\
    {"name":"learning_rate","title":"Learning rate","sentence":"The learning rate of the update.","minimum":0},\
    {"name":"tau","title":"Target decay τ","minimum":0,"maximum":1,\
    "sentence":"The share of its weights that the target network keeps with each update."},\
    {"name":"embedding_std","title":"Embedding spread","minimum":0,"maximum":1,\
    "sentence":"Mean standard deviation of l2-normalised representations; near 0 is a collapse."},\
    {"name":"images_per_second","title":"Pictures per second","unit":"images per second","minimum":0,\
    "sentence":"Training pictures, not views, per second over the last seconds."}]
    """
}

/// Values of metrics by place, eight bytes each, as the column `sample.value` has them: IEEE 754, little-endian. A
/// value that is not known is not a number; a row may have fewer values than the run has metrics by now.
enum PackedValues {
  static func bytes(_ values: [Double]) -> Data {
    var data = Data(capacity: 8 * values.count)
    for value in values {
      for shift in stride(from: 0, to: 64, by: 8) {
        data.append(UInt8(truncatingIfNeeded: value.bitPattern >> UInt64(shift)))
      }
    }
    return data
  }

  static func values(_ bytes: Data) -> [Double] {
    let bytes = [UInt8](bytes)
    var values: [Double] = []
    values.reserveCapacity(bytes.count / 8)
    // A curve of a thousand points is made from tens of thousands of values: plain shifts, no iterator per value.
    for place in stride(from: 0, through: bytes.count - 8, by: 8) {
      let low =
        UInt32(bytes[place]) | UInt32(bytes[place + 1]) << 8 | UInt32(bytes[place + 2]) << 16
        | UInt32(bytes[place + 3]) << 24
      let high =
        UInt32(bytes[place + 4]) | UInt32(bytes[place + 5]) << 8 | UInt32(bytes[place + 6]) << 16
        | UInt32(bytes[place + 7]) << 24
      values.append(Double(bitPattern: UInt64(high) << 32 | UInt64(low)))
    }
    return values
  }
}
