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
    return migrator
  }
}
