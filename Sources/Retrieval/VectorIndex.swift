public import Datasets
import Durability
import Images
import JSONTree
import Synchronization
import Tensors
import Threads

/// One answer of a search.
public struct Neighbour: Hashable, Sendable {
  /// The row of the index.
  public var row: Int
  /// The cosine of the angle between query and item, −1…1.
  public var score: Float
}

/// An index in memory's page cache: finds the vectors nearest to a vector, exactly.
///
/// Rows are scanned as codes of eight bits, which bound each cosine; only rows whose bound reaches the best ones found so far
/// are looked at as they are stored, in float32 or float16. So a search reads a quarter of the bytes and leaves out nothing that is
/// nearer than what it gives. Safe to use from any number of threads.
public final class VectorIndex: Sendable {
  /// What the index is of.
  public let manifest: IndexManifest
  /// The folder.
  public let directory: String
  let items: ItemTable
  let vectors: VectorFile
  let codes: CodeFile

  /// Opens the index in a folder.
  ///
  /// - Throws: `IndexError`.
  public init(directory: String) throws(IndexError) {
    self.directory = directory
    manifest = try IndexManifest(directory: directory)
    let (rows, dimension) = (manifest.items, manifest.dimension)
    guard (1...SearchLimits.items).contains(rows), (1...1 << 20).contains(dimension) else {
      throw .damaged("\(IndexFile.manifest) does not make sense")
    }
    vectors = try VectorFile(
      path: directory + "/" + IndexFile.vectors, rows: rows, dimension: dimension,
      storage: manifest.vectorStorage)
    codes = try CodeFile(path: directory + "/" + IndexFile.codes, rows: rows, dimension: dimension)
    items = try ItemTable(path: directory + "/" + IndexFile.items)
    guard items.count == rows else { throw .damaged("its files are not of one index") }
  }

  /// Pictures in the index.
  public var count: Int { manifest.items }
  /// Components of a vector.
  public var dimension: Int { manifest.dimension }
  /// The labels of its pictures, sorted.
  public var labels: [String] { items.labels }

  /// What is known of the picture of a row, which counts from 0.
  public func item(_ row: Int) -> IndexItem { items[row] }

  /// The vector of a row, of length 1.
  public func vector(_ row: Int) -> [Float] { vectors[row] }

  /// Pictures that could not be embedded, as they were listed when the index was made.
  public func rejectedPictures() -> [RejectedPicture] {
    let bytes = (try? DiskFileSystem().read(directory + "/" + IndexFile.rejected)) ?? []
    return bytes.split(separator: 0x0A).compactMap {
      try? JSONCoding.decode(RejectedPicture.self, from: Array($0))
    }
  }
}

/// Which items count, of those that a search looks at.
public struct ItemFilter: Hashable, Sendable {
  /// Labels of which an item must have one; nil for any item.
  public var labels: Set<String>?
  /// Parts of the data set of which an item must be in one; nil for any item.
  public var splits: Set<Split>?

  /// Every item.
  public init() {}
}

// MARK: - Search

extension VectorIndex {
  /// Reads all codes once and adds them up: the least that a search can take.
  public func readCodes(threads: Int) -> UInt64 { codes.sum(threads: threads) }

  /// The items nearest to each query: at most `count`, the nearest first, of equals the one of the lower row.
  ///
  /// - Parameters:
  ///   - queries: Vectors of any length but 0.
  ///   - count: `SearchLimits.neighbours`.
  ///   - filter: Which items count.
  ///   - without: For each query the rows that are left out; empty for none.
  ///   - threads: Threads to search on.
  /// - Returns: for each query its items.
  /// - Throws: `IndexError.otherDimension`, `.noDirection`.
  public func nearest(
    to queries: [[Float]], count: Int, filter: ItemFilter = ItemFilter(), without: [Set<Int>] = [],
    threads: Int
  ) throws(IndexError) -> [[Neighbour]] {
    precondition(SearchLimits.neighbours.contains(count), "\(count) neighbours.")
    var unit: [[Float]] = []
    for query in queries {
      unit.append(try direction(of: query))
    }
    let wanted = WantedItems(filter, in: items)
    var answers: [[Neighbour]] = []
    for first in stride(from: 0, to: unit.count, by: SearchLimits.queriesInOnePass) {
      let range = first..<min(unit.count, first + SearchLimits.queriesInOnePass)
      let left = without.isEmpty ? range.map { _ in [] } : Array(without[range])
      answers += onePass(Array(unit[range]), count, wanted, left, threads)
    }
    return answers
  }

  /// A vector of length 1 in the same direction.
  func direction(of vector: [Float]) throws(IndexError) -> [Float] {
    guard vector.count == dimension else {
      throw .otherDimension(given: vector.count, expected: dimension)
    }
    guard vector.allSatisfy(\.isFinite), let greatest = vector.lazy.map(abs).max(), greatest > 0
    else { throw .noDirection }
    // Squares of very large or small numbers would be infinite or 0.
    return l2Normalized(vector.map { $0 / greatest }, dimension: vector.count)
  }

  private func onePass(
    _ queries: [[Float]], _ count: Int, _ wanted: WantedItems, _ without: [Set<Int>], _ threads: Int
  ) -> [[Neighbour]] {
    let encoded = QueryCodes(queries, dimension: dimension)
    // A thread costs about as much as half a million products.
    let worth = (codes.rows * dimension * queries.count) >> 19
    let workers = max(1, min(threads, codes.parts, worth))
    let found = Mutex(queries.map { _ in NearestRows(capacity: count) })
    let work = Mutex(0)
    let search: @Sendable (Int) -> Void = { [self] _ in
      var scan = PartScan(self, queries, encoded, count, wanted, without)
      while true {
        // In turns of 16 parts: whoever is held up by other programs leaves the rest to the others.
        let first = work.withLock { next in
          defer { next += 16 }
          return next
        }
        guard first < codes.parts else { break }
        for part in first..<min(codes.parts, first + 16) { scan.look(at: part) }
      }
      found.withLock { all in
        for query in all.indices { all[query].add(scan.best[query]) }
      }
    }
    if workers == 1 {
      search(0)
    } else {
      ThreadGroup(count: workers, search).join()
    }
    return found.withLock { $0.map(\.sorted) }
  }
}

/// A filter with the numbers that the items' table has for its words.
struct WantedItems: Sendable {
  private let labels: Set<Int>?
  private let splits: Set<Split>?
  private let items: ItemTable

  init(_ filter: ItemFilter, in items: ItemTable) {
    self.items = items
    labels = filter.labels.map { wanted in
      Set(items.labels.indices.filter { wanted.contains(items.labels[$0]) })
    }
    splits = filter.splits
  }

  func contains(_ row: Int) -> Bool {
    if let labels, !labels.contains(items.label(row)) { return false }
    return splits?.contains(items.split(row)) ?? true
  }
}

/// One thread's search: the parts that it has looked at, and the best rows of them.
private struct PartScan {
  private let index: VectorIndex
  private let queries: [[Float]]
  private let encoded: QueryCodes
  private let wanted: WantedItems
  private let without: [Set<Int>]
  private var products: [Int32]
  private var candidates: [Int32]
  var best: [NearestRows]

  init(
    _ index: VectorIndex, _ queries: [[Float]], _ encoded: QueryCodes, _ count: Int,
    _ wanted: WantedItems, _ without: [Set<Int>]
  ) {
    self.index = index
    self.queries = queries
    self.encoded = encoded
    self.wanted = wanted
    self.without = without
    products = Array(repeating: 0, count: queries.count * CodeFile.rowsPerPart)
    candidates = Array(repeating: 0, count: CodeFile.rowsPerPart)
    best = queries.map { _ in NearestRows(capacity: count) }
  }

  mutating func look(at part: Int) {
    let stride = index.codes.scan(part, encoded, into: &products)
    let first = index.codes.rows(of: part).lowerBound
    for query in queries.indices {
      let count = index.codes.rows(
        of: part, above: best[query].threshold, encoded.queries[query], products,
        at: query * stride, into: &candidates)
      for candidate in candidates[..<count] {
        let row = first + Int(candidate)
        guard wanted.contains(row), !without[query].contains(row) else { continue }
        best[query].add(Neighbour(row: row, score: index.vectors.product(row, queries[query])))
      }
    }
  }
}

/// The best rows so far, at most `capacity`: a heap with the worst of them first.
struct NearestRows {
  let capacity: Int
  private var heap: [Neighbour] = []

  init(capacity: Int) {
    self.capacity = capacity
    heap.reserveCapacity(capacity)
  }

  /// The score that a further row must reach to count.
  var threshold: Float { heap.count < capacity ? -.infinity : heap[0].score }

  /// The rows, the best first.
  var sorted: [Neighbour] { heap.sorted(by: Self.isBetter) }

  private static func isBetter(_ a: Neighbour, _ b: Neighbour) -> Bool {
    a.score != b.score ? a.score > b.score : a.row < b.row
  }

  mutating func add(_ other: NearestRows) {
    for neighbour in other.heap { add(neighbour) }
  }

  mutating func add(_ neighbour: Neighbour) {
    guard heap.count == capacity else {
      heap.append(neighbour)
      return siftUp()
    }
    guard Self.isBetter(neighbour, heap[0]) else { return }
    heap[0] = neighbour
    siftDown()
  }

  private mutating func siftUp() {
    var child = heap.count - 1
    while child > 0, case let parent = (child - 1) / 2, Self.isBetter(heap[parent], heap[child]) {
      heap.swapAt(parent, child)
      child = parent
    }
  }

  private mutating func siftDown() {
    var parent = 0
    while case var child = 2 * parent + 1, child < heap.count {
      if child + 1 < heap.count, Self.isBetter(heap[child], heap[child + 1]) { child += 1 }
      guard Self.isBetter(heap[parent], heap[child]) else { return }
      heap.swapAt(parent, child)
      parent = child
    }
  }
}
