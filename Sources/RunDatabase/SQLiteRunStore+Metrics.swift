import Foundation
import GRDB
public import Identifiers
import Metrics
public import Runs

// A million samples are drawn as a thousand. To find the peaks without reading all of them, each stretch
// of 256 steps keeps the steps that hold the least or greatest value of some metric, at most two per metric; of
// these again each stretch of 4096 steps, and so on. An append recomputes the stretches it touches.

/// A row of the table `sample`.
private struct SampleRow {
  var step: Int
  var at: Int64
  var values: [Double]
}

extension SQLiteRunStore {
  /// Steps in a stretch, from fine to coarse; each is a multiple of the one before.
  private static let widths = [256, 4096, 65_536]
  /// How many more samples than asked for are read, before the rest is left out.
  private static let oversampling = 8

  /// Adds samples; values are stored in the places of their metrics, and those of other metrics are left out.
  func append(_ samples: [MetricSample], to run: Int64, metrics: [Metric], _ database: Database)
    throws
  {
    guard let first = samples.first, let last = samples.last else { return }
    let names = metrics.map(\.name)
    let statement = try database.cachedStatement(
      sql: "INSERT OR REPLACE INTO sample (run, step, at, value) VALUES (?, ?, ?, ?)")
    for sample in samples {
      try statement.execute(arguments: [
        run, sample.step, sample.at.milliseconds,
        PackedValues.bytes(sample.values.ordered(by: names)),
      ])
    }
    try updatePeaks(of: run, steps: samples.map(\.step), columns: metrics.count, database)
    try thin(run, for: first.step...max(first.step, last.step), database)
  }

  /// Of steps that are `retention.steps` or more behind the newest only the peaks stay, each time a stretch of
  /// them is complete.
  private func thin(_ run: Int64, for steps: ClosedRange<Int>, _ database: Database) throws {
    let (fine, coarse) = (SQLiteRunStore.widths[0], SQLiteRunStore.widths[1])
    let end = max(0, steps.upperBound - retention.steps) / coarse * coarse
    guard end > 0 else { return }
    let before = try Int.fetchOne(
      database, sql: "SELECT MAX(step) FROM sample WHERE run = ? AND step < ?",
      arguments: [run, steps.lowerBound])
    let begin = max(0, (before ?? 0) - retention.steps) / coarse * coarse
    guard begin < end else { return }
    try database.execute(
      sql: """
        DELETE FROM sample WHERE run = :run AND step >= :begin AND step < :end AND step NOT IN (
          SELECT step FROM sample_peak
          WHERE run = :run AND width = :width AND step >= :begin AND step < :end)
        """, arguments: ["run": run, "begin": begin, "end": end, "width": fine])
  }

  /// Removes a run's samples of steps greater than `step`.
  public func removeMetrics(of id: Identifier, after step: Int) throws {
    try write { database in
      guard let (run, metrics) = try numberAndMetrics(id, database) else { return }
      for table in ["sample", "sample_peak"] {
        try database.execute(
          sql: "DELETE FROM \(table) WHERE run = ? AND step > ?", arguments: [run, step])
      }
      try updatePeaks(of: run, steps: [step], columns: metrics.count, database)
    }
  }

  /// A run's samples of steps greater than `step`, by step, reduced so that peaks remain.
  public func metrics(of id: Identifier, since step: Int, maximumCount: Int) throws
    -> [MetricSample]
  {
    try read { database in
      guard let (run, metrics) = try numberAndMetrics(id, database),
        let (first, last) = try ends(of: run, since: step, database)
      else { return [] }
      let width = SQLiteRunStore.width(
        steps: last - first + 1, maximumCount: maximumCount, columns: metrics.count)
      var rows = try peaks(of: run, width: width, in: first...last, database)
      if rows.first?.step != first {
        rows = try self.rows(of: run, in: first...first, database) + rows
      }
      if rows.last?.step != last { rows += try self.rows(of: run, in: last...last, database) }
      let names = metrics.map(\.name)
      let samples = rows.map { row in
        MetricSample(
          step: row.step, at: Timestamp(milliseconds: row.at),
          values: MetricValues(names, row.values))
      }
      return samples.downsampled(to: maximumCount, metrics: metrics)
    }
  }

  /// The first and the last step of a run's samples after a step; nil where there is none.
  private func ends(of run: Int64, since step: Int, _ database: Database) throws -> (Int, Int)? {
    let row = try Row.fetchOne(
      database,
      sql: """
        SELECT (SELECT MIN(step) FROM sample WHERE run = :run AND step > :since),
          (SELECT MAX(step) FROM sample WHERE run = :run AND step > :since)
        """, arguments: ["run": run, "since": step])
    guard let first = row?[0] as Int?, let last = row?[1] as Int? else { return nil }
    return (first, last)
  }

  /// The finest stretches that give few enough samples; 1 for the samples themselves.
  private static func width(steps: Int, maximumCount: Int, columns: Int) -> Int {
    let bound = min(max(1, maximumCount), Int.max / oversampling) * oversampling
    if steps <= bound { return 1 }
    let perStretch = 2 * max(1, columns)
    return widths.first { steps / $0 * perStretch <= bound } ?? widths[widths.count - 1]
  }

  private func numberAndMetrics(_ id: Identifier, _ database: Database) throws -> (Int64, [Metric])?
  {
    let row = try Row.fetchOne(
      database, sql: "SELECT number, metrics FROM run WHERE id = ?", arguments: [id.description])
    guard let row else { return nil }
    return (row["number"], try metrics(row["metrics"]))
  }
}

// MARK: - Peaks

extension SQLiteRunStore {
  /// Recomputes the peaks of the stretches in which some steps lie, from fine to coarse.
  private func updatePeaks(of run: Int64, steps: [Int], columns: Int, _ database: Database) throws {
    let delete = try database.cachedStatement(
      sql: "DELETE FROM sample_peak WHERE run = ? AND width = ? AND step BETWEEN ? AND ?")
    let insert = try database.cachedStatement(
      sql: "INSERT INTO sample_peak (run, width, step) VALUES (?, ?, ?)")
    var finer = 1
    for width in SQLiteRunStore.widths {
      for stretch in Set(steps.map { $0 / width }).sorted() {
        let range = (stretch * width)...(stretch * width + width - 1)
        let rows = try peaks(of: run, width: finer, in: range, database)
        try delete.execute(arguments: [run, width, range.lowerBound, range.upperBound])
        for index in MetricTable(columns: columns, rows: rows.map(\.values)).extremes {
          try insert.execute(arguments: [run, width, rows[index].step])
        }
      }
      finer = width
    }
  }

  /// The samples that are peaks of stretches of a width, or all of them for 1.
  private func peaks(
    of run: Int64, width: Int, in range: ClosedRange<Int>, _ database: Database
  ) throws -> [SampleRow] {
    guard width > 1 else { return try rows(of: run, in: range, database) }
    return try fetch(
      """
      SELECT step, at, value FROM sample_peak JOIN sample USING (run, step)
      WHERE run = ? AND width = ? AND step BETWEEN ? AND ? ORDER BY step
      """, [run, width, range.lowerBound, range.upperBound], database)
  }

  private func rows(of run: Int64, in range: ClosedRange<Int>, _ database: Database) throws
    -> [SampleRow]
  {
    try fetch(
      """
      SELECT step, at, value FROM sample WHERE run = ? AND step BETWEEN ? AND ? ORDER BY step
      """, [run, range.lowerBound, range.upperBound], database)
  }

  private func fetch(_ sql: String, _ arguments: StatementArguments, _ database: Database) throws
    -> [SampleRow]
  {
    let rows = try Row.fetchCursor(database.cachedStatement(sql: sql), arguments: arguments)
    var samples: [SampleRow] = []
    while let row = try rows.next() {
      samples.append(
        SampleRow(step: row[0], at: row[1], values: PackedValues.values(row[2])))
    }
    return samples
  }
}
