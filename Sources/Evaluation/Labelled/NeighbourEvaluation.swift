internal import Glibc
public import Tensors

/// Weighted nearest neighbours, a measure of an encoder that trains nothing: each test picture takes
/// the class that the k nearest training pictures by cosine vote for, each with the weight exp(cos/T).
public struct NeighbourEvaluation: Sendable {
  /// The accuracy with one k.
  public struct Result: Sendable, Hashable, Codable {
    /// k as asked for.
    public var requested: Int
    /// k as used: never more than the training pictures.
    public var neighbours: Int
    /// How often the vote was right.
    public var accuracy: ClassificationAccuracy
  }

  /// The numbers of neighbours, each at least 1.
  public var neighbours: [Int]
  /// T, the temperature of a vote's weight exp(cos/T).
  public var temperature: Double
  /// Threads of the matrix product.
  public var threads: ThreadBudget

  /// An evaluation; the defaults are the field's.
  public init(neighbours: [Int] = [20, 200], temperature: Double = 0.1, threads: ThreadBudget) {
    precondition(!neighbours.isEmpty && neighbours.allSatisfy { $0 >= 1 } && temperature > 0)
    self.neighbours = neighbours
    self.temperature = temperature
    self.threads = threads
  }

  /// One result for each k, in the order given.
  ///
  /// Of equally near pictures the first counts; of classes with equal votes the lowest. Costs
  /// N·M·D multiplications and memory for 256 rows of N cosines.
  ///
  /// - Throws: `sizeMismatch` if dimensions or classes differ.
  public func evaluate(train: LabelledEmbeddings, test: LabelledEmbeddings) throws(EvaluationError)
    -> [Result]
  {
    try train.requireSameSpace(as: test)
    let used = neighbours.map { min($0, train.count) }
    var predicted = [[Int]](repeating: [], count: used.count)
    let references = l2Normalized(train.values, dimension: train.dimension)
    let queries = l2Normalized(test.values, dimension: test.dimension)
    let algebra = DenseAlgebra(threads: threads)
    var cosines: [Float] = []
    for start in stride(from: 0, to: test.count, by: 256) {
      let rows = start..<min(start + 256, test.count)
      algebra.product(
        queries, rows: rows, transposing: references, columns: train.count,
        inner: train.dimension, into: &cosines)
      for row in 0..<rows.count {
        let nearest = NearestNeighbours(used.max() ?? 1, among: cosines, row: row, of: train.count)
        for (place, k) in used.enumerated() {
          predicted[place].append(vote(nearest.prefix(k), train))
        }
      }
    }
    return zip(zip(neighbours, used), predicted).map { k, predicted in
      Result(
        requested: k.0, neighbours: k.1,
        accuracy: ClassificationAccuracy(
          predicted: predicted, labels: test.labels, classCount: test.classCount))
    }
  }

  private func vote(_ nearest: ArraySlice<NearestNeighbours.Neighbour>, _ train: LabelledEmbeddings)
    -> Int
  {
    var votes = [Double](repeating: 0, count: train.classCount)
    for neighbour in nearest {
      votes[train.labels[neighbour.index]] += exp(Double(neighbour.cosine) / temperature)
    }
    var best = 0
    for candidate in 1..<max(1, votes.count) where votes[candidate] > votes[best] {
      best = candidate
    }
    return best
  }
}

/// The k rows of largest cosine, nearest first; of equal ones the first rows.
struct NearestNeighbours {
  struct Neighbour: Equatable {
    var cosine: Float
    var index: Int

    /// Nearer, or as near and earlier.
    func precedes(_ other: Neighbour) -> Bool {
      cosine > other.cosine || (cosine == other.cosine && index < other.index)
    }
  }

  private var sorted: [Neighbour]

  /// Looks through row `row` of `cosines` `[rows, count]`.
  init(_ k: Int, among cosines: [Float], row: Int, of count: Int) {
    // A heap whose root is the farthest of the k kept, so that most rows cost one comparison.
    var heap: [Neighbour] = []
    heap.reserveCapacity(k)
    unsafe cosines.withUnsafeBufferPointer { cosines in
      var index = 0
      while index < count {
        let cosine = unsafe cosines[row &* count &+ index]
        if heap.count < k {
          heap.append(Neighbour(cosine: cosine, index: index))
          Self.siftUp(&heap)
        } else if cosine > heap[0].cosine {
          heap[0] = Neighbour(cosine: cosine, index: index)
          Self.siftDown(&heap)
        }
        index &+= 1
      }
    }
    sorted = heap.sorted { $0.precedes($1) }
  }

  func prefix(_ k: Int) -> ArraySlice<Neighbour> { sorted.prefix(k) }

  private static func siftUp(_ heap: inout [Neighbour]) {
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[parent].precedes(heap[child]) else { return }
      heap.swapAt(parent, child)
      child = parent
    }
  }

  private static func siftDown(_ heap: inout [Neighbour]) {
    var parent = 0
    while true {
      var farthest = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
        if heap[farthest].precedes(heap[child]) { farthest = child }
      }
      guard farthest != parent else { return }
      heap.swapAt(parent, farthest)
      parent = farthest
    }
  }
}
