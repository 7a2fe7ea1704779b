internal import Glibc

extension [Double] {
  /// Replaces one row's scores by the gradient of `share` times its cross entropy with a label.
  ///
  /// - Parameters:
  ///   - row: The places of the row's scores, one of each class.
  ///   - label: The class that is right.
  ///   - share: The row's weight, such as one over the rows of a mean.
  /// - Returns: `share` times the row's cross entropy.
  @discardableResult
  mutating func replaceScoresByGradient(_ row: Range<Int>, label: Int, share: Double) -> Double {
    let largest = row.reduce(-Double.infinity) { Swift.max($0, self[$1]) }
    let right = row.lowerBound + label
    let rightScore = self[right]
    var sum = 0.0
    for i in row {
      self[i] = exp(self[i] - largest)
      sum += self[i]
    }
    for i in row { self[i] *= share / sum }
    self[right] -= share
    return (log(sum) + largest - rightScore) * share
  }
}
