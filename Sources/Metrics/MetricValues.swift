/// Values of metrics by name. A value that is not finite is none: it is left out, here and in JSON.
public struct MetricValues: Sendable {
  /// The names, in the order in which values were set; the same array as that of other values of a run, as a rule.
  private var names: [String]
  /// The value of each name; not finite where there is none.
  private var values: [Double]

  /// No value.
  public init() { (names, values) = ([], []) }

  /// Values in the order of declarations, as they are stored; those beyond the end are not known.
  public init(_ metrics: [String], _ values: [Double]) {
    names = metrics
    self.values = (0..<metrics.count).map { $0 < values.count ? values[$0] : .nan }
  }

  /// The value of a metric; nil where it is not known. A value that is not finite is forgotten.
  public subscript(name: String) -> Double? {
    get {
      guard let place = names.firstIndex(of: name), values[place].isFinite else { return nil }
      return values[place]
    }
    set {
      let value = newValue ?? .nan
      if let place = names.firstIndex(of: name) {
        values[place] = value
      } else {
        names.append(name)
        values.append(value)
      }
    }
  }

  /// The value of a metric; nil where it is not known.
  public subscript(metric: Metric) -> Double? {
    get { self[metric.name] }
    set { self[metric.name] = newValue }
  }

  /// The values that are known, by name.
  public var known: [String: Double] {
    var result: [String: Double] = [:]
    for (name, value) in zip(names, values) where value.isFinite { result[name] = value }
    return result
  }

  /// The values in the order of some metrics, not finite where there is none.
  public func ordered(by metrics: [String]) -> [Double] {
    // Values of one run share their names, as a rule in the order that is asked for: then nothing is looked up.
    names == metrics ? values : metrics.map { self[$0] ?? .nan }
  }

  /// The names of values that are known and that no metric of the list declares, sorted.
  public func names(outside metrics: [Metric]) -> [String] {
    known.keys.filter { name in !metrics.contains { $0.name == name } }.sorted()
  }
}

extension MetricValues: Hashable {
  /// Whether the same metrics have the same values; their order does not count.
  public static func == (one: MetricValues, other: MetricValues) -> Bool {
    one.known == other.known
  }

  /// Hashes the values that are known.
  public func hash(into hasher: inout Hasher) { hasher.combine(known) }
}

extension MetricValues: ExpressibleByDictionaryLiteral {
  /// Values by name; the last of a name counts.
  public init(dictionaryLiteral elements: (String, Double)...) {
    self.init()
    for (name, value) in elements { self[name] = value }
  }
}

extension MetricValues: Codable {
  /// Decodes an object of numbers; `null` is no value.
  ///
  /// - Throws: `DecodingError` for what is no such object, a name that is none, or too many values.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let object = try container.decode([String: Double?].self)
    guard object.count <= MetricLimits.metrics, object.keys.allSatisfy(MetricLimits.isName) else {
      throw DecodingError.dataCorruptedError(
        in: container,
        debugDescription: "Not an object of at most \(MetricLimits.metrics) values by name.")
    }
    self.init()
    for name in object.keys.sorted() { self[name] = object[name] ?? nil }
  }

  /// Encodes an object of the values that are known.
  public func encode(to encoder: any Encoder) throws {
    // A dictionary's names are written as they are; a key of a container would change its case.
    var container = encoder.singleValueContainer()
    try container.encode(known)
  }
}
