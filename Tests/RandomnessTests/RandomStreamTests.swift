import Randomness
import Testing

/// Streams by their coordinates, and the distributions drawn from them.
///
/// Every seed is fixed, so a test gives the same verdict each time; bounds are five standard deviations of what is measured.
@Suite struct RandomStreamTests {
  static let draws = 100_000

  /// The documented layout: the seed with the purpose folded in is the key, the counter holds block, lane, index, epoch.
  @Test func `a stream is the blocks at its coordinates`() {
    let key = 7 ^ (UInt64(RandomPurpose.augmentation.rawValue) &* 0x9E37_79B9_7F4A_7C15)
    let words = (0..<3).flatMap { block -> [UInt32] in
      let words = Philox.block(key: key, counter: SIMD4(UInt32(block), 3, 2, 1))
      return (0..<4).map { words[$0] }
    }
    var stream = RandomStream(seed: 7, purpose: .augmentation, epoch: 1, index: 2, lane: 3)
    #expect((0..<12).map { _ in stream.nextWord() } == words)
    var wide = RandomStream(seed: 7, purpose: .augmentation, epoch: 1, index: 2, lane: 3)
    #expect(wide.next() == UInt64(words[0]) << 32 | UInt64(words[1]))
  }

  @Test func `each coordinate makes another stream`() {
    let streams = [
      RandomStream(seed: 1, purpose: .weights), RandomStream(seed: 2, purpose: .weights),
      RandomStream(seed: 1, purpose: .order), RandomStream(seed: 1, purpose: .weights, epoch: 1),
      RandomStream(seed: 1, purpose: .weights, index: 1),
      RandomStream(seed: 1, purpose: .weights, lane: 1),
    ]
    let first = streams.map { stream in
      var stream = stream
      return stream.next()
    }
    #expect(Set(first).count == streams.count)
  }

  /// A purpose's number is part of every stream: another one would change every run that is resumed.
  @Test func `purposes keep their numbers`() {
    let numbers: [(RandomPurpose, UInt32)] = [
      (.weights, 1), (.order, 2), (.augmentation, 3), (.evaluation, 4), (.demo, 5),
    ]
    for (purpose, number) in numbers { #expect(purpose.rawValue == number, "\(purpose)") }
    #expect(numbers.count == RandomPurpose.allCases.count)
  }

  @Test func `uniform draws fill 0 to 1 evenly`() {
    var stream = RandomStream(seed: 1, purpose: .evaluation)
    let values = (0..<Self.draws).map { _ in Double(stream.uniform()) }
    #expect(values.allSatisfy { (0..<1).contains($0) })
    let (mean, deviation) = moments(values)
    #expect(abs(mean - 0.5) < 5 * 0.289 / Double(Self.draws).squareRoot(), "\(mean)")
    #expect(abs(deviation - (1.0 / 12).squareRoot()) < 0.0025, "\(deviation)")
    // Tenths of the draws: 10,000 are expected in each, with a deviation of 95.
    let counts = (0..<10).map { bin in values.count { Int($0 * 10) == bin } }
    #expect(counts.allSatisfy { abs($0 - 10_000) < 475 }, "\(counts)")
  }

  @Test func `normal draws have mean 0, deviation 1 and the tails of a normal distribution`() {
    var stream = RandomStream(seed: 2, purpose: .evaluation)
    let values = (0..<Self.draws).map { _ in Double(stream.normal()) }
    let (mean, deviation) = moments(values)
    #expect(values.allSatisfy { $0.isFinite })
    #expect(abs(mean) < 0.016, "\(mean)")
    #expect(abs(deviation - 1) < 0.0112, "\(deviation)")
    // Within one, two and three deviations: 68.27, 95.45 and 99.73 percent.
    for (bound, share, tolerance) in [
      (1.0, 0.6827, 0.0074), (2, 0.9545, 0.0033), (3, 0.9973, 0.0009),
    ] {
      let found = Double(values.count { abs($0) < bound }) / Double(Self.draws)
      #expect(abs(found - share) < tolerance, "\(found) within \(bound)")
    }
  }

  @Test(arguments: [1, 2, 3, 10, 1000]) func `indices below a bound are equally frequent`(
    bound: Int
  ) {
    var stream = RandomStream(seed: 3, purpose: .evaluation, index: bound)
    var counts = [Int](repeating: 0, count: bound)
    for _ in 0..<Self.draws { counts[stream.index(below: bound)] += 1 }
    let expected = Double(Self.draws) / Double(bound)
    // Pearson's statistic: its mean is bound - 1, its variance twice that.
    let statistic = counts.reduce(0.0) { $0 + (Double($1) - expected) * (Double($1) - expected) }
    let freedom = Double(bound - 1)
    #expect(
      statistic / expected <= freedom + 5 * (2 * freedom).squareRoot(), "\(statistic / expected)")
  }

  @Test(arguments: [(Float(0), 0), (1, 100_000), (0.2, 20_000)])
  func `true comes as often as its probability says`(_ probability: Float, expected: Int) {
    var stream = RandomStream(seed: 4, purpose: .evaluation)
    let count = (0..<Self.draws).count { _ in stream.bernoulli(probability) }
    // Five deviations of 126 for a fifth; none where the outcome is certain.
    #expect(abs(count - expected) <= (expected % Self.draws == 0 ? 0 : 632), "\(count)")
  }

  @Test(arguments: [0, -1, 1 << 32]) func `a bound out of range traps`(bound: Int) async {
    await #expect(processExitsWith: .failure) { [bound = bound as Int] in
      var stream = RandomStream(seed: 1, purpose: .evaluation)
      _ = stream.index(below: bound)
    }
  }

  private func moments(_ values: [Double]) -> (mean: Double, deviation: Double) {
    let mean = values.reduce(0, +) / Double(values.count)
    let square = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (mean, (square / Double(values.count)).squareRoot())
  }
}
