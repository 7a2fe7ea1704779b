/// Vectors of `dimension` components one after another, each scaled to length 1.
///
/// Squares are summed in double precision in order, so that the bits depend on the vector alone. A zero vector stays zero: its cosine
/// with any other is 0.
public func l2Normalized(_ values: [Float], dimension: Int) -> [Float] {
  precondition(dimension > 0, "Vectors of \(dimension) components.")
  var result = values
  for start in stride(from: 0, to: values.count, by: dimension) {
    var sum = 0.0
    for i in start..<start + dimension { sum += Double(values[i]) * Double(values[i]) }
    guard sum > 0 else { continue }
    let factor = 1 / sum.squareRoot()
    for i in start..<start + dimension { result[i] = Float(Double(values[i]) * factor) }
  }
  return result
}
