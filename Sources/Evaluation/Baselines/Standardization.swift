/// Shifts and scales each column to mean 0 and deviation 1, as measured on reference vectors; a constant column becomes 0.
///
/// Statistics of pictures need it, since their columns have units and ranges of their own: without it the cosine sees
/// the largest column only. Features of trained networks lose by it.
public struct Standardization: Sendable, Hashable {
  private let mean: [Float]
  private let scale: [Float]

  /// The mean and the deviation (over N) of reference vectors `[N, dimension]`.
  public init(of vectors: [Float], dimension: Int) {
    precondition(dimension > 0 && vectors.count % dimension == 0)
    let count = Double(max(1, vectors.count / dimension))
    var mean = [Double](repeating: 0, count: dimension)
    for (i, value) in vectors.enumerated() { mean[i % dimension] += Double(value) / count }
    var variance = [Double](repeating: 0, count: dimension)
    for (i, value) in vectors.enumerated() {
      let difference = Double(value) - mean[i % dimension]
      variance[i % dimension] += difference * difference / count
    }
    self.mean = mean.map(Float.init)
    scale = variance.map { $0 > 1e-14 ? Float(1 / $0.squareRoot()) : 0 }
  }

  /// The vectors `[N, dimension]` in the reference's units.
  public func callAsFunction(_ vectors: [Float]) -> [Float] {
    var result = vectors
    for i in result.indices {
      let column = i % mean.count
      result[i] = (result[i] - mean[column]) * scale[column]
    }
    return result
  }
}
