/// Kendall's τ-b of two rankings of the same things: 1 where both order all pairs alike, −1 where one is the other reversed.
///
/// τ-b = (P − Q) / √((P + Q + T)(P + Q + U)), with P pairs in the same order, Q in the opposite one, T tied in `a` alone, U in
/// `b` alone (Kendall 1945; SciPy's `kendalltau`). nil where fewer than two values are given, one ranking is constant,
/// or a value is not a number. Costs N² comparisons.
public func kendallTau(_ a: [Double], _ b: [Double]) -> Double? {
  precondition(a.count == b.count, "\(a.count) and \(b.count) values.")
  guard a.count > 1, !a.contains(where: \.isNaN), !b.contains(where: \.isNaN) else { return nil }
  var (same, opposite, tiedInA, tiedInB) = (0, 0, 0, 0)
  for i in a.indices {
    for j in a.indices.dropFirst(i + 1) {
      switch (a[i] == a[j], b[i] == b[j]) {
      case (true, true): break
      case (true, false): tiedInA += 1
      case (false, true): tiedInB += 1
      case (false, false): if (a[i] < a[j]) == (b[i] < b[j]) { same += 1 } else { opposite += 1 }
      }
    }
  }
  let (overA, overB) = (same + opposite + tiedInB, same + opposite + tiedInA)
  guard overA > 0, overB > 0 else { return nil }
  return Double(same - opposite) / (Double(overA) * Double(overB)).squareRoot()
}
