/// A way to judge vectors with labels.
public enum EvaluationProtocol: Sendable, Hashable {
  /// Weighted nearest neighbours; the number of them.
  case neighbours(Int)
  /// A linear probe.
  case linear
  /// The paper's linear classifier, by SGD on random crops.
  case sgd
  /// Encoder and classifier trained together on a share of the labels, in percent.
  case fineTuning(Int)

  /// What is judged where nothing else is asked for.
  public static let usual: [EvaluationProtocol] = [.neighbours(20), .neighbours(200), .linear]

  /// The names there are, in words.
  public static let names =
    "knn-K with K of \(inWords(EvaluationLimits.neighbours)), linear, sgd, finetune-P with P of "
    + inWords(EvaluationLimits.fineTuning)

  private static func inWords(_ range: ClosedRange<Int>) -> String {
    "\(range.lowerBound)…\(range.upperBound)"
  }

  /// The name in requests and reports: `knn-20`, `linear`, `sgd`, `finetune-10`.
  public var name: String {
    switch self {
    case .neighbours(let k): "knn-\(k)"
    case .linear: "linear"
    case .sgd: "sgd"
    case .fineTuning(let percent): "finetune-\(percent)"
    }
  }

  /// The name for people.
  public var title: String {
    switch self {
    case .neighbours(let k): "k-NN (\(k))"
    case .linear: "linear probe"
    case .sgd: "linear by SGD"
    case .fineTuning(let percent): "fine-tuned, \(percent) %"
    }
  }

  /// The protocol of a name; nil for other names and for numbers outside the limits.
  public init?(name: String) {
    let parts = name.split(separator: "-", maxSplits: 1).map(String.init)
    let number = parts.count == 2 ? Int(parts[1]) : nil
    switch (parts.first, number) {
    case ("linear", nil): self = .linear
    case ("sgd", nil): self = .sgd
    case ("knn", let k?) where EvaluationLimits.neighbours.contains(k): self = .neighbours(k)
    case ("finetune", let percent?) where EvaluationLimits.fineTuning.contains(percent):
      self = .fineTuning(percent)
    default: return nil
    }
    // One name for each: “knn-020” and “linear-” are none.
    guard self.name == name else { return nil }
  }
}

extension EvaluationProtocol: Codable {
  /// Reads a name.
  ///
  /// - Throws: `DecodingError` for a name that is none.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let name = try container.decode(String.self)
    guard let known = EvaluationProtocol(name: name) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "\(name) is no evaluation protocol.")
    }
    self = known
  }

  /// Writes the name.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(name)
  }
}
