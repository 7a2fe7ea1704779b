/// What a random stream is for. The raw value is part of the stream's key: never renumber a case.
public enum RandomPurpose: UInt32, Sendable, CaseIterable {
  /// Initial weights; `index` is the parameter's number in the network.
  case weights = 1
  /// The order of the pictures in an epoch.
  case order = 2
  /// The random changes that make a view; `index` is the picture, `lane` the view.
  case augmentation = 3
  /// Evaluation probes and samples.
  case evaluation = 4
  /// The drawn pictures of the embedded demo.
  case demo = 5
}

/// A stream of random numbers that is a pure function of (seed, purpose, epoch, index, lane, draw).
///
/// Nothing is shared and nothing has to be stored: the n-th draw can be recomputed from its
/// coordinates, so a resumed run repeats exactly and the number of threads changes nothing.
/// The seed is the Philox key (with the purpose folded into its high half); the counter holds
/// `[block, lane, index, epoch]`.
public struct RandomStream: RandomNumberGenerator, Sendable {
  private let key: UInt64
  private var counter: SIMD4<UInt32>
  private var words: SIMD4<UInt32> = .zero
  private var used = 4

  /// The stream at the given coordinates; `epoch`, `index` and `lane` count from 0 and must be
  /// below 2^32.
  public init(seed: UInt64, purpose: RandomPurpose, epoch: Int = 0, index: Int = 0, lane: Int = 0) {
    key = seed ^ (UInt64(purpose.rawValue) &* 0x9E37_79B9_7F4A_7C15)
    counter = SIMD4(0, UInt32(lane), UInt32(index), UInt32(epoch))
  }

  /// The next 32 random bits.
  public mutating func nextWord() -> UInt32 {
    if used == 4 {
      words = Philox.block(key: key, counter: counter)
      counter[0] &+= 1
      used = 0
    }
    defer { used += 1 }
    return words[used]
  }

  /// The next 64 random bits.
  public mutating func next() -> UInt64 {
    let high = UInt64(nextWord())
    return high << 32 | UInt64(nextWord())
  }

  /// Uniform in `0 ..< 1` with 24 random bits.
  public mutating func uniform() -> Float { Float(nextWord() >> 8) * 0x1p-24 }

  /// Uniform in `range`, upper bound excluded up to rounding.
  public mutating func uniform(in range: ClosedRange<Float>) -> Float {
    range.lowerBound + (range.upperBound - range.lowerBound) * uniform()
  }

  /// True with probability `probability`.
  public mutating func bernoulli(_ probability: Float) -> Bool { uniform() < probability }

  /// Uniform in `0 ..< bound`, without bias (Lemire 2019).
  public mutating func index(below bound: Int) -> Int {
    precondition(bound > 0 && bound <= UInt32.max, "index(below: \(bound))")
    let limit = UInt32(bound)
    var product = UInt64(nextWord()) * UInt64(limit)
    if UInt32(truncatingIfNeeded: product) < limit {
      let threshold = (0 &- limit) % limit
      while UInt32(truncatingIfNeeded: product) < threshold {
        product = UInt64(nextWord()) * UInt64(limit)
      }
    }
    return Int(product >> 32)
  }

  /// Standard normal, by Box and Muller's transform; uses two uniform draws per value.
  public mutating func normal() -> Float {
    let radius = (-2 * logarithm(Double(1 - uniform()))).squareRoot()
    return Float(radius * cosine(2 * Double.pi * Double(uniform())))
  }
}
