import Durability

/// The vectors of an index: a NumPy file `[rows, dimension]` of little-endian float32, mapped into memory.
struct VectorFile: Sendable {
  let (rows, dimension): (Int, Int)
  let file: MappedFile

  /// Maps a file that `IndexBuild` has written.
  ///
  /// - Throws: `IndexError.damaged` where it has another head or size, `.files`.
  init(path: String, rows: Int, dimension: Int) throws(IndexError) {
    do throws(FileSystemError) { file = try MappedFile(path: path) } catch { throw .files(error) }
    (self.rows, self.dimension) = (rows, dimension)
    guard file.byteCount == NPY.headerByteCount + 4 * rows * dimension,
      file.bytes(at: 0, count: NPY.headerByteCount)
        == NPY.header(rows: rows, columns: dimension)
    else { throw .damaged("\(IndexFile.vectors) is cut off or altered") }
  }

  /// The vector of a row.
  subscript(row: Int) -> [Float] { unsafe withRow(row) { unsafe Array($0) } }

  /// Calls `body` with the components of a row.
  func withRow<Result>(_ row: Int, _ body: (UnsafeBufferPointer<Float>) -> Result) -> Result {
    precondition((0..<rows).contains(row), "Row \(row) of \(rows).")
    return unsafe file.withBytes(
      at: NPY.headerByteCount + 4 * row * dimension, count: 4 * dimension
    ) { unsafe body($0.assumingMemoryBound(to: Float.self)) }
  }

  /// The inner product of a row with a vector, summed in double precision in a fixed order, so that its bits depend on the
  /// two alone.
  func product(_ row: Int, _ query: [Float]) -> Float {
    unsafe withRow(row) { components in
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
