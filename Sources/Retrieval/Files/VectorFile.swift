import CKernels
import Durability
import Tensors

/// The vectors of an index: a NumPy file `[rows, dimension]` of little-endian numbers, mapped into memory.
struct VectorFile: Sendable {
  let (rows, dimension): (Int, Int)
  let storage: VectorStorage
  private let file: MappedFile

  /// Maps a file that `IndexBuild` has written.
  ///
  /// - Throws: `IndexError.damaged` where it has another head or size, `.files`.
  init(path: String, rows: Int, dimension: Int, storage: VectorStorage) throws(IndexError) {
    do throws(FileSystemError) { file = try MappedFile(path: path) } catch { throw .files(error) }
    (self.rows, self.dimension, self.storage) = (rows, dimension, storage)
    guard file.byteCount == NPY.headerByteCount + storage.byteCount * rows * dimension,
      file.bytes(at: 0, count: NPY.headerByteCount)
        == NPY.header(rows: rows, columns: dimension, storage: storage)
    else { throw .damaged("\(IndexFile.vectors) is cut off or altered") }
  }

  /// The vector of a row.
  subscript(row: Int) -> [Float] { unsafe withRows(row..<row + 1) { unsafe Array($0) } }

  /// Calls `body` with the components of some rows, one row after the other, in float32 and of length 1: in place where they are
  /// stored so.
  func withRows<Result>(_ range: Range<Int>, _ body: (UnsafeBufferPointer<Float>) -> Result)
    -> Result
  {
    let count = range.count * dimension
    return unsafe withStored(range) { bytes in
      switch storage {
      case .float32: return unsafe body(bytes.assumingMemoryBound(to: Float.self))
      case .float16:
        let stored = unsafe bytes.assumingMemoryBound(to: UInt16.self)
        return unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: count) { wide in
          unsafe ck_float32_from_float16(stored.baseAddress, Int64(count), wide.baseAddress)
          var span = unsafe wide.mutableSpan
          l2Normalize(&span, dimension: dimension)
          return unsafe body(UnsafeBufferPointer(wide))
        }
      }
    }
  }

  /// Calls `body` with the bytes of some rows, as they are stored.
  private func withStored<Result>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Result)
    -> Result
  {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "Rows \(range) of \(rows).")
    let rowByteCount = storage.byteCount * dimension
    return unsafe file.withBytes(
      at: NPY.headerByteCount + rowByteCount * range.lowerBound, count: rowByteCount * range.count,
      body)
  }

  /// The inner product of a row with a vector, summed in double precision in a fixed order, so that its bits depend on the
  /// two alone.
  func product(_ row: Int, _ query: [Float]) -> Float {
    guard storage == .float32 else {
      return unsafe withStored(row..<row + 1) { bytes in
        let stored = unsafe bytes.assumingMemoryBound(to: UInt16.self)
        return unsafe Float(ck_product_float16(stored.baseAddress, query, Int64(dimension)))
      }
    }
    return unsafe withRows(row..<row + 1) { components in
      var sums = (0.0, 0.0, 0.0, 0.0)
      let whole = dimension / 4 * 4
      for i in stride(from: 0, to: whole, by: 4) {
        unsafe sums.0 += Double(components[i]) * Double(query[i])
        unsafe sums.1 += Double(components[i + 1]) * Double(query[i + 1])
        unsafe sums.2 += Double(components[i + 2]) * Double(query[i + 2])
        unsafe sums.3 += Double(components[i + 3]) * Double(query[i + 3])
      }
      for i in whole..<dimension { unsafe sums.0 += Double(components[i]) * Double(query[i]) }
      return Float((sums.0 + sums.1) + (sums.2 + sums.3))
    }
  }
}

/// Appends vectors to a file as they are to be stored.
///
/// - Throws: `FileSystemError`.
func append(
  _ values: [Float], as storage: VectorStorage, to file: any WritableFile
) throws(FileSystemError) {
  switch storage {
  case .float32: try file.append(elements: values)
  case .float16:
    var halves = [UInt16](repeating: 0, count: values.count)
    unsafe ck_float16_from_float32(values, Int64(values.count), &halves)
    try file.append(elements: halves)
  }
}
