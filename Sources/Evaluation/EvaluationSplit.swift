/// Which pictures are judged, and with which they are compared.
public struct EvaluationSplit: Sendable, Hashable {
  /// Where the judged pictures are from.
  public enum Source: String, Sendable, Hashable, Codable, CaseIterable {
    /// The split `test`.
    case test
    /// The split `val`, since there is no `test`.
    case validation = "val"
    /// A part of `train` drawn with a seed, since there is nothing else. A model that learned from `train` has seen these
    /// pictures, without their labels.
    case holdOut = "train_hold_out"

    /// The name for people.
    public var title: String {
      switch self {
      case .test: "test"
      case .validation: "val"
      case .holdOut: "train, held out"
      }
    }
  }

  /// The share of `train` that is held out where there is nothing else.
  public static let holdOutShare = 0.2
  /// The pictures that neighbours and probes learn from, in the order given.
  public let reference: [Int]
  /// The pictures judged, in the order given.
  public let judged: [Int]
  /// Where the judged pictures are from.
  public let source: Source

  /// Chooses from the pictures of each split, which no two share.
  ///
  /// `test` is judged if it has any picture, else `val`, else a fifth of `train`, drawn with `seed`. `train` is what they are
  /// compared with; where it is empty, `val` is. nil where fewer than one picture would stand on either side.
  public init?(train: [Int], validation: [Int], test: [Int], seed: UInt64) {
    if let judged = [(test, Source.test), (validation, .validation)].first(where: { !$0.0.isEmpty })
    {
      let others = judged.1 == .test && train.isEmpty ? validation : train
      guard !others.isEmpty else { return nil }
      (reference, self.judged, source) = (others, judged.0, judged.1)
      return
    }
    guard train.count > 1 else { return nil }
    let count = max(1, Int(Double(train.count) * Self.holdOutShare))
    let held = Set(shuffledPrefix(count, of: train.count, seed: seed))
    reference = train.indices.filter { !held.contains($0) }.map { train[$0] }
    judged = train.indices.filter { held.contains($0) }.map { train[$0] }
    source = .holdOut
  }

  private init(_ reference: [Int], _ judged: [Int], _ source: Source) {
    (self.reference, self.judged, self.source) = (reference, judged, source)
  }

  /// At most `judged` of the judged pictures and `reference` of the others, drawn with `seed`, in the order of before.
  public func limited(judged: Int, reference: Int, seed: UInt64) -> EvaluationSplit {
    EvaluationSplit(
      drawn(reference, of: self.reference, seed), drawn(judged, of: self.judged, seed), source)
  }
}

/// `count` of the pictures, or all, in their order.
private func drawn(_ count: Int, of pictures: [Int], _ seed: UInt64) -> [Int] {
  guard count < pictures.count else { return pictures }
  return shuffledPrefix(count, of: pictures.count, seed: seed).sorted().map { pictures[$0] }
}
