public import Metrics

extension [MetricSample] {
  /// At most `maximumCount` of the samples, in their order, so that a drawn line keeps its peaks.
  ///
  /// The samples are cut into stretches of equal length. Of each stretch those samples stay that hold the least or the
  /// greatest value of some metric; the first and the last sample of all stay too.
  public func downsampled(to maximumCount: Int, metrics: [Metric]) -> [MetricSample] {
    guard count > maximumCount else { return self }
    let perStretch = 2 * Swift.max(1, metrics.count)
    guard maximumCount >= perStretch + 2 else { return evenly(maximumCount) }
    let table = self.table(metrics)
    let stretches = (maximumCount - 2) / perStretch
    var kept: Set<Int> = [0, count - 1]
    for stretch in 0..<stretches {
      let range = (stretch * count / stretches)..<((stretch + 1) * count / stretches)
      kept.formUnion(table.extremes(in: range))
    }
    return kept.sorted().map { self[$0] }
  }

  /// Samples at equal distances, the last among them: for fewer samples than one stretch has extremes.
  private func evenly(_ wanted: Int) -> [MetricSample] {
    (0..<Swift.max(0, wanted)).map { self[($0 + 1) * count / wanted - 1] }
  }

  /// The values as rows, in the order of the metrics.
  private func table(_ metrics: [Metric]) -> MetricTable {
    let names = metrics.map(\.name)
    return MetricTable(columns: names.count, rows: map { $0.values.ordered(by: names) })
  }
}

/// Rows of values, a column per metric; a value that is not finite is not known.
public struct MetricTable: Sendable {
  private let columns: Int
  private let rows: [[Double]]

  /// A table; a row may be shorter than there are columns.
  public init(columns: Int, rows: [[Double]]) {
    self.columns = columns
    self.rows = rows
  }

  /// The indices of the rows that hold the least or the greatest value of some column, ascending.
  public var extremes: [Int] { extremes(in: rows.indices).sorted() }

  func extremes(in range: Range<Int>) -> Set<Int> {
    var found: Set<Int> = []
    for column in 0..<columns { found.formUnion(extremes(of: column, in: range)) }
    return found
  }

  private func extremes(of column: Int, in range: Range<Int>) -> [Int] {
    var (least, greatest): (Int?, Int?) = (nil, nil)
    var (low, high) = (Double.infinity, -Double.infinity)
    for index in range where column < rows[index].count {
      // Of equal values the first stays, so that a row that was kept before is kept again.
      let value = rows[index][column]
      guard value.isFinite else { continue }
      if value < low { (least, low) = (index, value) }
      if value > high { (greatest, high) = (index, value) }
    }
    return [least, greatest].compactMap(\.self)
  }
}
