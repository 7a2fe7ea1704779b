import Training

extension MetricSample {
  /// The value of a column, nil where unknown.
  public func value(_ key: MetricKey) -> Double? {
    switch key {
    case .loss: metrics.loss
    case .cosine: metrics.cosine
    case .learningRate: metrics.learningRate
    case .tau: metrics.tau
    case .embeddingStd: metrics.embeddingStd
    case .imagesPerSecond: imagesPerSecond
    }
  }
}

extension [MetricSample] {
  /// At most `maximumCount` of the samples, in their order, so that a drawn line keeps its peaks.
  ///
  /// The samples are cut into equal stretches, and of each stretch those stay that hold the least or
  /// the greatest value of some column; the first and the last of all stay too.
  public func downsampled(to maximumCount: Int) -> [MetricSample] {
    guard count > maximumCount else { return self }
    let perStretch = 2 * MetricKey.allCases.count
    guard maximumCount >= perStretch + 2 else { return evenly(maximumCount) }
    let stretches = (maximumCount - 2) / perStretch
    var kept: Set<Int> = [0, count - 1]
    for stretch in 0..<stretches {
      let range = (stretch * count / stretches)..<((stretch + 1) * count / stretches)
      for key in MetricKey.allCases { kept.formUnion(extremes(of: key, in: range)) }
    }
    return kept.sorted().map { self[$0] }
  }

  /// Samples at equal distances, the last among them: for fewer than one stretch's extremes.
  private func evenly(_ wanted: Int) -> [MetricSample] {
    (0..<Swift.max(0, wanted)).map { self[($0 + 1) * count / wanted - 1] }
  }

  /// The indices of the samples that hold the least or the greatest value of some column, ascending.
  public func extremes() -> [Int] {
    Set(MetricKey.allCases.flatMap { extremes(of: $0, in: indices) }).sorted()
  }

  private func extremes(of key: MetricKey, in range: Range<Int>) -> [Int] {
    var least: (index: Int, value: Double)?
    var greatest: (index: Int, value: Double)?
    for index in range {
      guard let value = self[index].value(key) else { continue }
      if least.map({ value < $0.value }) ?? true { least = (index, value) }
      if greatest.map({ value > $0.value }) ?? true { greatest = (index, value) }
    }
    return [least?.index, greatest?.index].compactMap { $0 }
  }
}
