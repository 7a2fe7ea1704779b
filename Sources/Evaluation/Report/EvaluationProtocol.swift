/// A way to judge vectors with labels.
public enum EvaluationProtocol: Sendable, Hashable {
  /// Weighted nearest neighbours; the number of them.
  case neighbours(Int)
  /// A linear probe.
  case linear
  /// The paper's linear classifier, by SGD on random crops.
  case sgd

  /// What is judged where nothing else is asked for.
  public static let usual: [EvaluationProtocol] = [.neighbours(20), .neighbours(200), .linear]

  /// The names there are, in words.
  public static let names = "knn-K with K of 1…10000, linear, sgd"

  /// The name in requests and reports: `knn-20`, `linear`, `sgd`.
  public var name: String {
    switch self {
    case .neighbours(let k): "knn-\(k)"
    case .linear: "linear"
    case .sgd: "sgd"
    }
  }

  /// The name for people.
  public var title: String {
    switch self {
    case .neighbours(let k): "k-NN (\(k))"
    case .linear: "linear probe"
    case .sgd: "linear by SGD"
    }
  }

  /// The protocol of a name; nil for other names and for a k outside the limits.
  public init?(name: String) {
    if name == "linear" {
      self = .linear
      return
    }
    if name == "sgd" {
      self = .sgd
      return
    }
    guard name.hasPrefix("knn-"), let k = Int(name.dropFirst(4)),
      EvaluationLimits.neighbours.contains(k), "knn-\(k)" == name
    else { return nil }
    self = .neighbours(k)
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
