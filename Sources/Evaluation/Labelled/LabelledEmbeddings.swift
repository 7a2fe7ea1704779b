/// Why an evaluation is refused.
public enum EvaluationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A set without vectors, or a training set with fewer than two classes where two are needed.
  case tooFewPictures(String)
  /// The numbers of values, labels or dimensions do not fit together.
  case sizeMismatch(String)
  /// A label outside `0 ..< classCount`.
  case unknownLabel(Int)
  /// A vector with an infinite value or one that is not a number.
  case notFinite(row: Int)

  /// One sentence for people.
  public var description: String {
    switch self {
    case .tooFewPictures(let reason), .sizeMismatch(let reason): reason
    case .unknownLabel(let label): "The label \(label) is outside the classes."
    case .notFinite(let row): "Vector \(row) holds a value that is not finite."
    }
  }
}

/// Embeddings `[N, D]`, row-major, with one label a row.
public struct LabelledEmbeddings: Sendable, Equatable {
  /// The vectors, row after row.
  public let values: [Float]
  /// D.
  public let dimension: Int
  /// The class of each row, within `0 ..< classCount`.
  public let labels: [Int]
  /// The number of classes; some may have no row.
  public let classCount: Int

  /// N.
  public var count: Int { labels.count }

  /// Embeddings after a check of every value.
  ///
  /// - Throws: `sizeMismatch`, `unknownLabel`, `notFinite`; an empty set is `tooFewPictures`.
  public init(values: [Float], dimension: Int, labels: [Int], classCount: Int)
    throws(EvaluationError)
  {
    guard !labels.isEmpty else { throw .tooFewPictures("There is no vector to evaluate.") }
    guard dimension > 0, values.count == labels.count * dimension else {
      throw .sizeMismatch(
        "\(values.count) values are not \(labels.count) vectors of \(dimension).")
    }
    if let label = labels.first(where: { $0 < 0 || $0 >= classCount }) {
      throw .unknownLabel(label)
    }
    if let index = values.firstIndex(where: { !$0.isFinite }) {
      throw .notFinite(row: index / dimension)
    }
    (self.values, self.dimension, self.labels) = (values, dimension, labels)
    self.classCount = classCount
  }

  /// Refuses two sets that cannot be compared.
  func requireSameSpace(as other: LabelledEmbeddings) throws(EvaluationError) {
    guard dimension == other.dimension, classCount == other.classCount else {
      throw .sizeMismatch(
        """
        The training set has \(dimension) dimensions and \(classCount) classes, the test set \
        \(other.dimension) and \(other.classCount).
        """)
    }
  }
}

/// How often a classifier was right.
public struct ClassificationAccuracy: Sendable, Hashable, Codable {
  /// The fraction of all test rows, 0…1.
  public var top1: Double
  /// The fraction of each class's test rows; nil for a class without any.
  public var perClass: [Double?]

  init(predicted: [Int], labels: [Int], classCount: Int) {
    var (right, total) = (
      [Int](repeating: 0, count: classCount), [Int](repeating: 0, count: classCount)
    )
    for (guess, label) in zip(predicted, labels) {
      total[label] += 1
      if guess == label { right[label] += 1 }
    }
    top1 = Double(right.reduce(0, +)) / Double(max(1, labels.count))
    perClass = zip(right, total).map { $1 == 0 ? nil : Double($0) / Double($1) }
  }
}
