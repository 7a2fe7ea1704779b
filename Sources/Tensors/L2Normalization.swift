/// Vectors of `dimension` components one after another, each scaled to length 1.
///
/// Squares are summed in double precision in order, so that the bits depend on the vector alone. A zero vector stays zero: its cosine
/// with any other is 0.
public func l2Normalized(_ values: [Float], dimension: Int) -> [Float] {
  var result = values
  var span = result.mutableSpan
  l2Normalize(&span, dimension: dimension)
  return result
}

/// Scales each vector of `dimension` components to length 1, as `l2Normalized` does, where it stands.
///
/// - Precondition: `dimension` is positive, and there are whole vectors.
public func l2Normalize(_ values: inout MutableSpan<Float>, dimension: Int) {
  precondition(dimension > 0, "Vectors of \(dimension) components.")
  for start in stride(from: 0, to: values.count, by: dimension) {
    var sum = 0.0
    for i in start..<start + dimension { sum += Double(values[i]) * Double(values[i]) }
    guard sum > 0 else { continue }
    let factor = 1 / sum.squareRoot()
    for i in start..<start + dimension { values[i] = Float(Double(values[i]) * factor) }
  }
}
