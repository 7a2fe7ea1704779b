/// One figure that a run reports, declared once by whoever computes it. Storage, JSON, CSV, Prometheus and the
/// dashboard's charts follow the declaration; none of them knows a name.
public struct Metric: Hashable, Sendable {
  /// How the value moves, as Prometheus tells it apart.
  public enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
    /// It rises and falls.
    case gauge
    /// It counts up, and begins again at 0 at most where a process begins anew.
    case counter
  }

  /// The name in `snake_case`: a letter, then letters, digits and underscores; see ``MetricLimits``.
  public let name: String
  /// A few words for the head of a chart.
  public let title: String
  /// What the value means, in a sentence.
  public let sentence: String
  /// The unit, such as `seconds`; empty for a ratio or another number without a unit.
  public let unit: String
  /// The least value that is possible; nil where there is none.
  public let minimum: Double?
  /// The greatest value that is possible; nil where there is none.
  public let maximum: Double?
  /// A value to compare with, which charts draw as a dashed line; its meaning is in `sentence`.
  public let reference: Double?
  /// How the value moves.
  public let kind: Kind

  /// A declaration.
  ///
  /// - Precondition: the declaration is within ``MetricLimits``; one from outside is decoded, which throws instead.
  public init(
    _ name: String, title: String, _ sentence: String, unit: String = "", minimum: Double? = nil,
    maximum: Double? = nil, reference: Double? = nil, kind: Kind = .gauge
  ) {
    self.name = name
    self.title = title
    self.sentence = sentence
    self.unit = unit
    self.minimum = minimum
    self.maximum = maximum
    self.reference = reference
    self.kind = kind
    if let fault { preconditionFailure(fault) }
  }
}

/// What a declaration may be.
public enum MetricLimits {
  /// Metrics of a run. Each costs eight bytes per update kept.
  public static let metrics = 64
  /// Characters of a name.
  public static let nameCharacters = 64
  /// Characters of a title, and of a unit.
  public static let titleCharacters = 64
  /// Characters of a sentence.
  public static let sentenceCharacters = 400

  /// What the history of every run has beside its metrics.
  public static let columns: Set<String> = ["step", "time"]

  /// Whether a text can be a metric's name, which is no column's that every run has.
  public static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first)
    else {
      return false
    }
    return text.utf8.count <= nameCharacters && !columns.contains(text)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
          UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }
}

extension Metric: Codable {
  private enum CodingKeys: String, CodingKey {
    case name, title, sentence, unit, minimum, maximum, reference, kind
  }

  /// Decodes a declaration.
  ///
  /// - Throws: `DecodingError` for one that is outside ``MetricLimits``.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    name = try container.decode(String.self, forKey: .name)
    title = try container.decodeIfPresent(String.self, forKey: .title) ?? name
    sentence = try container.decodeIfPresent(String.self, forKey: .sentence) ?? ""
    unit = try container.decodeIfPresent(String.self, forKey: .unit) ?? ""
    minimum = try container.decodeIfPresent(Double.self, forKey: .minimum)
    maximum = try container.decodeIfPresent(Double.self, forKey: .maximum)
    reference = try container.decodeIfPresent(Double.self, forKey: .reference)
    kind = try container.decodeIfPresent(Kind.self, forKey: .kind) ?? .gauge
    if let fault {
      throw DecodingError.dataCorrupted(
        DecodingError.Context(codingPath: decoder.codingPath, debugDescription: fault))
    }
  }

  /// What is outside the limits, in a sentence.
  private var fault: String? {
    if !MetricLimits.isName(name) { return "\(name.prefix(80)) is not a metric's name." }
    if title.count > MetricLimits.titleCharacters || unit.count > MetricLimits.titleCharacters {
      return "The title or the unit of \(name) is longer than \(MetricLimits.titleCharacters)."
    }
    if sentence.count > MetricLimits.sentenceCharacters {
      return "The sentence of \(name) is longer than \(MetricLimits.sentenceCharacters)."
    }
    let numbers = [minimum, maximum, reference].compactMap(\.self)
    if !numbers.allSatisfy(\.isFinite) { return "A bound of \(name) is not finite." }
    if let minimum, let maximum, minimum > maximum { return "The range of \(name) is empty." }
    return nil
  }
}

extension [Metric] {
  /// The declarations after another worker declared `newer`.
  ///
  /// A metric keeps its place for as long as the run exists, since values are stored by place; its words may change.
  /// What is new comes last. What would exceed ``MetricLimits/metrics`` is left out.
  public func merged(with newer: [Metric]) -> [Metric] {
    var result = self
    for metric in newer {
      if let place = result.firstIndex(where: { $0.name == metric.name }) {
        result[place] = metric
      } else if result.count < MetricLimits.metrics {
        result.append(metric)
      }
    }
    return result
  }
}
