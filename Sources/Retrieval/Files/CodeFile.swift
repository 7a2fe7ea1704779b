import CKernels
import Durability
import Synchronization
import Threads

/// The codes of an index's vectors, mapped into memory: the codes in blocks of 16 rows, then a scale and an error for each
/// row, float32. A quarter of the bytes of the vectors in float32, which is what a search has to read.
struct CodeFile: Sendable {
  /// Rows that are scanned before the next are: their products stay in the second-level cache.
  static let rowsPerPart = 1024
  static let rowsPerBlock = 16

  let (rows, dimension): (Int, Int)
  private let file: MappedFile
  private let codeByteCount: Int

  /// Maps the codes of `rows` vectors.
  ///
  /// - Throws: `IndexError.damaged` where the file has another size, `.files`.
  init(path: String, rows: Int, dimension: Int) throws(IndexError) {
    do throws(FileSystemError) { file = try MappedFile(path: path) } catch { throw .files(error) }
    (self.rows, self.dimension) = (rows, dimension)
    codeByteCount = Int(ck_code_bytes(Int64(rows), Int64(dimension)))
    guard file.byteCount == codeByteCount + 8 * rows else {
      throw .damaged("\(IndexFile.codes) is cut off or altered")
    }
  }

  /// Parts of `rowsPerPart` rows, the last of fewer.
  var parts: Int { (rows + Self.rowsPerPart - 1) / Self.rowsPerPart }

  /// The rows of a part.
  func rows(of part: Int) -> Range<Int> {
    part * Self.rowsPerPart..<min(rows, (part + 1) * Self.rowsPerPart)
  }

  /// The sum of all codes as words, read by `threads` threads; for measuring what reading takes.
  func sum(threads: Int) -> UInt64 {
    let total = Mutex(UInt64(0))
    let words = codeByteCount / 8
    ThreadGroup(count: threads) { [self] thread in
      let range = words * thread / threads..<words * (thread + 1) / threads
      let sum = unsafe file.withBytes(at: 8 * range.lowerBound, count: 8 * range.count) { bytes in
        unsafe bytes.assumingMemoryBound(to: UInt64.self).reduce(0, &+)
      }
      total.withLock { $0 &+= sum }
    }.join()
    return total.withLock { $0 }
  }

  /// Writes the products of a part's rows with queries into `products`, `[queries, blocks · 16]`.
  ///
  /// - Returns: rows that each query's products take.
  func scan(_ part: Int, _ queries: QueryCodes, into products: inout [Int32]) -> Int {
    let range = rows(of: part)
    let blocks = (range.count + Self.rowsPerBlock - 1) / Self.rowsPerBlock
    let perBlock = Self.rowsPerBlock * ((dimension + 3) / 4 * 4)
    unsafe file.withBytes(
      at: range.lowerBound / Self.rowsPerBlock * perBlock, count: blocks * perBlock
    ) { codes in
      unsafe ck_scan_codes(
        codes.assumingMemoryBound(to: UInt8.self).baseAddress, Int64(blocks), Int64(dimension),
        queries.codes, Int64(queries.queries.count), &products)
    }
    return blocks * Self.rowsPerBlock
  }

  /// The rows of a part whose product with a query may reach `threshold`, as their places in the part.
  ///
  /// `products` are those of the query, from `offset` on, that `scan` wrote.
  func rows(
    of part: Int, above threshold: Float, _ query: ck_query, _ products: [Int32], at offset: Int,
    into found: inout [Int32]
  ) -> Int {
    let range = rows(of: part)
    return unsafe file.withBytes(at: codeByteCount, count: 8 * rows) { bytes in
      let numbers = unsafe bytes.assumingMemoryBound(to: Float.self)
      return unsafe products.withUnsafeBufferPointer { products in
        unsafe Int(
          ck_find_above(
            products.baseAddress.map { unsafe $0 + offset }, Int64(range.count),
            numbers.baseAddress.map { unsafe $0 + range.lowerBound },
            numbers.baseAddress.map { unsafe $0 + rows + range.lowerBound }, query, threshold,
            &found))
      }
    }
  }
}

/// Queries in eight bits.
struct QueryCodes: Sendable {
  private(set) var codes: [Int8] = []
  private(set) var queries: [ck_query] = []

  /// The codes of vectors of `dimension` components.
  init(_ vectors: [[Float]], dimension: Int) {
    let padded = (dimension + 3) / 4 * 4
    codes.reserveCapacity(vectors.count * padded)
    for vector in vectors {
      var one = [Int8](repeating: 0, count: padded)
      var query = ck_query()
      unsafe ck_encode_query(vector, Int64(dimension), &one, &query)
      codes += one
      queries.append(query)
    }
  }
}

extension CodeFile {
  /// Writes the codes of vectors to a file.
  ///
  /// - Throws: `FileSystemError`.
  static func write(_ vectors: VectorFile, to file: any WritableFile) throws(FileSystemError) {
    let (rows, dimension) = (vectors.rows, vectors.dimension)
    var scales = [Float](repeating: 0, count: rows)
    var errors = scales
    for first in stride(from: 0, to: rows, by: rowsPerPart) {
      let count = min(rowsPerPart, rows - first)
      var codes = [UInt8](
        repeating: 0, count: Int(ck_code_bytes(Int64(count), Int64(dimension))))
      var (scale, error) = (
        [Float](repeating: 0, count: count), [Float](repeating: 0, count: count)
      )
      unsafe vectors.withRows(first..<first + count) {
        unsafe ck_encode_rows(
          $0.baseAddress, Int64(count), Int64(dimension), &codes, &scale, &error)
      }
      scales.replaceSubrange(first..<first + count, with: scale)
      errors.replaceSubrange(first..<first + count, with: error)
      try file.append(codes)
    }
    try file.append(elements: scales)
    try file.append(elements: errors)
  }
}
