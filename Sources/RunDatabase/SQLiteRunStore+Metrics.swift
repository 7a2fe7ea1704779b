import GRDB
public import Identifiers
public import Runs
import Training

// A million samples are drawn as a thousand. To find the peaks without reading all of them, each stretch
// of 256 steps keeps the steps that hold the least or greatest value of some column, at most twelve; of
// these again each stretch of 4096 steps, and so on. An append recomputes the stretches it touches.

extension SQLiteRunStore {
  /// Steps in a stretch, from fine to coarse; each is a multiple of the one before.
  private static let widths = [256, 4096, 65_536]
  /// How many more samples than asked for are read, before the rest is left out.
  private static let oversampling = 8

  /// Adds samples to a run's history; a sample of a step that is there replaces it.
  public func append(_ samples: [MetricSample], to id: Identifier) throws {
    try write { database in
      guard let run = try number(id, database) else { throw RunStoreError.notFound(id) }
      let statement = try database.cachedStatement(
        sql: """
          INSERT OR REPLACE INTO metric
            (run, step, at, loss, cosine, learning_rate, tau, embedding_std, images_per_second)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
          """)
      for sample in samples {
        let figures = sample.metrics
        try statement.execute(arguments: [
          run, sample.step, sample.at.milliseconds, figures.loss, figures.cosine,
          figures.learningRate, figures.tau, figures.embeddingStd, sample.imagesPerSecond,
        ])
      }
      try updatePeaks(of: run, steps: samples.map(\.step), database)
      if let first = samples.first?.step, let last = samples.last?.step {
        try thin(run, for: first...max(first, last), database)
      }
    }
  }

  /// Of steps that are `retention.steps` or more behind the newest only the peaks stay, each time a stretch of
  /// them is complete.
  private func thin(_ run: Int64, for steps: ClosedRange<Int>, _ database: Database) throws {
    let (fine, coarse) = (SQLiteRunStore.widths[0], SQLiteRunStore.widths[1])
    let end = max(0, steps.upperBound - retention.steps) / coarse * coarse
    guard end > 0 else { return }
    let before = try Int.fetchOne(
      database, sql: "SELECT MAX(step) FROM metric WHERE run = ? AND step < ?",
      arguments: [run, steps.lowerBound])
    let begin = max(0, (before ?? 0) - retention.steps) / coarse * coarse
    guard begin < end else { return }
    try database.execute(
      sql: """
        DELETE FROM metric WHERE run = :run AND step >= :begin AND step < :end AND step NOT IN (
          SELECT step FROM metric_peak
          WHERE run = :run AND width = :width AND step >= :begin AND step < :end)
        """, arguments: ["run": run, "begin": begin, "end": end, "width": fine])
  }

  /// Removes a run's samples of steps greater than `step`.
  public func removeMetrics(of id: Identifier, after step: Int) throws {
    try write { database in
      guard let run = try number(id, database) else { return }
      for table in ["metric", "metric_peak"] {
        try database.execute(
          sql: "DELETE FROM \(table) WHERE run = ? AND step > ?", arguments: [run, step])
      }
      try updatePeaks(of: run, steps: [step], database)
    }
  }

  /// A run's samples of steps greater than `step`, by step, reduced so that peaks remain.
  public func metrics(of id: Identifier, since step: Int, maximumCount: Int) throws
    -> [MetricSample]
  {
    try read { database in
      guard let run = try number(id, database),
        let ends = try Row.fetchOne(
          database,
          sql: """
            SELECT (SELECT MIN(step) FROM metric WHERE run = :run AND step > :since),
              (SELECT MAX(step) FROM metric WHERE run = :run AND step > :since)
            """, arguments: ["run": run, "since": step]), let first = ends[0] as Int?,
        let last = ends[1] as Int?
      else { return [] }
      let width = SQLiteRunStore.width(steps: last - first + 1, maximumCount: maximumCount)
      var samples = try peaks(of: run, width: width, in: first...last, database)
      if samples.first?.step != first {
        samples = try self.samples(of: run, in: first...first, database) + samples
      }
      if samples.last?.step != last {
        samples += try self.samples(of: run, in: last...last, database)
      }
      return samples.downsampled(to: maximumCount)
    }
  }

  /// The finest stretches that give few enough samples; 1 for the samples themselves.
  private static func width(steps: Int, maximumCount: Int) -> Int {
    let bound = min(max(1, maximumCount), Int.max / oversampling) * oversampling
    if steps <= bound { return 1 }
    let perStretch = 2 * MetricKey.allCases.count
    return widths.first { steps / $0 * perStretch <= bound } ?? widths[widths.count - 1]
  }

  func number(_ id: Identifier, _ database: Database) throws -> Int64? {
    try Int64.fetchOne(
      database, sql: "SELECT number FROM run WHERE id = ?", arguments: [id.description])
  }
}

// MARK: - Peaks

extension SQLiteRunStore {
  private static let columns =
    "step, at, loss, cosine, learning_rate, tau, embedding_std, images_per_second"

  /// Recomputes the peaks of the stretches in which some steps lie, from fine to coarse.
  private func updatePeaks(of run: Int64, steps: [Int], _ database: Database) throws {
    let delete = try database.cachedStatement(
      sql: "DELETE FROM metric_peak WHERE run = ? AND width = ? AND step BETWEEN ? AND ?")
    let insert = try database.cachedStatement(
      sql: "INSERT INTO metric_peak (run, width, step) VALUES (?, ?, ?)")
    var finer = 1
    for width in SQLiteRunStore.widths {
      for stretch in Set(steps.map { $0 / width }).sorted() {
        let range = (stretch * width)...(stretch * width + width - 1)
        let samples = try peaks(of: run, width: finer, in: range, database)
        try delete.execute(arguments: [run, width, range.lowerBound, range.upperBound])
        for index in samples.extremes() {
          try insert.execute(arguments: [run, width, samples[index].step])
        }
      }
      finer = width
    }
  }

  /// The samples that are peaks of stretches of a width, or all of them for 1.
  private func peaks(
    of run: Int64, width: Int, in range: ClosedRange<Int>, _ database: Database
  ) throws -> [MetricSample] {
    guard width > 1 else { return try samples(of: run, in: range, database) }
    return try fetch(
      """
      SELECT \(SQLiteRunStore.columns) FROM metric_peak JOIN metric USING (run, step)
      WHERE run = ? AND width = ? AND step BETWEEN ? AND ? ORDER BY step
      """, [run, width, range.lowerBound, range.upperBound], database)
  }

  private func samples(of run: Int64, in range: ClosedRange<Int>, _ database: Database) throws
    -> [MetricSample]
  {
    try fetch(
      """
      SELECT \(SQLiteRunStore.columns) FROM metric
      WHERE run = ? AND step BETWEEN ? AND ? ORDER BY step
      """, [run, range.lowerBound, range.upperBound], database)
  }

  private func fetch(_ sql: String, _ arguments: StatementArguments, _ database: Database) throws
    -> [MetricSample]
  {
    let rows = try Row.fetchCursor(database.cachedStatement(sql: sql), arguments: arguments)
    var samples: [MetricSample] = []
    while let row = try rows.next() {
      samples.append(
        MetricSample(
          step: row[0], at: Timestamp(milliseconds: row[1]),
          metrics: RunMetrics(
            loss: row[2], cosine: row[3], learningRate: row[4], tau: row[5], embeddingStd: row[6]),
          imagesPerSecond: row[7]))
    }
    return samples
  }
}
