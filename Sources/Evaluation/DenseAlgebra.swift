internal import COpenBLAS
import Tensors

/// Dense matrices through OpenBLAS: nothing else calls it. All matrices are row-major.
struct DenseAlgebra {
  /// The threads OpenBLAS may use. It has one number for the whole process; each call sets it.
  var threads: ThreadBudget

  /// A · Bᵀ of A `[rows, inner]` and B `[columns, inner]`, both from the given first row on.
  ///
  /// `result` is resized to `[rows, columns]`.
  func product(
    _ a: [Float], rows: Range<Int>, transposing b: [Float], columns: Int, inner: Int,
    into result: inout [Float]
  ) {
    precondition(rows.upperBound * inner <= a.count && columns * inner <= b.count)
    if result.count != rows.count * columns {
      result = [Float](repeating: 0, count: rows.count * columns)
    }
    guard !rows.isEmpty, columns > 0, inner > 0 else { return }
    setThreads()
    unsafe a.withUnsafeBufferPointer { a in
      unsafe b.withUnsafeBufferPointer { b in
        unsafe result.withUnsafeMutableBufferPointer { c in
          unsafe cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, Int32(rows.count), Int32(columns),
            Int32(inner), 1, a.baseAddress.map { unsafe $0 + rows.lowerBound * inner },
            Int32(inner), b.baseAddress, Int32(inner), 0, c.baseAddress, Int32(columns))
        }
      }
    }
  }

  /// `result` ← A · B, or Aᵀ · B, in float64.
  ///
  /// The product is `[rows, columns]` with `inner` terms each; B is `[inner, columns]`, A is
  /// `[rows, inner]`, or `[inner, rows]` if transposed.
  func product(
    _ a: [Double], transposed: Bool = false, _ b: [Double], rows: Int, columns: Int, inner: Int,
    into result: inout [Double]
  ) {
    precondition(a.count == rows * inner && b.count == inner * columns)
    precondition(result.count == rows * columns)
    guard rows > 0, columns > 0, inner > 0 else { return }
    setThreads()
    unsafe a.withUnsafeBufferPointer { a in
      unsafe b.withUnsafeBufferPointer { b in
        unsafe result.withUnsafeMutableBufferPointer { c in
          unsafe cblas_dgemm(
            CblasRowMajor, transposed ? CblasTrans : CblasNoTrans, CblasNoTrans, Int32(rows),
            Int32(columns), Int32(inner), 1, a.baseAddress, Int32(transposed ? rows : inner),
            b.baseAddress, Int32(columns), 0, c.baseAddress, Int32(columns))
        }
      }
    }
  }

  /// `sums` ← the sums over rows of max(0, c + b) and, if `both`, then of max(0, −c + b), of `products` c `[rows, columns]`
  /// and `bias` b `[columns]`.
  func addThresholded(
    _ products: [Float], rows: Int, bias: [Float], both: Bool, into sums: inout [Float]
  ) {
    let columns = bias.count
    precondition(products.count >= rows * columns && sums.count == (both ? 2 : 1) * columns)
    // Plain pointers, since this is the innermost loop of whitened patches: with checked elements, or with Swift's vectors,
    // whose `pointwiseMax` goes lane by lane, it took 25 times as long as the product before it.
    unsafe products.withUnsafeBufferPointer { products in
      unsafe bias.withUnsafeBufferPointer { bias in
        unsafe sums.withUnsafeMutableBufferPointer { sums in
          unsafe sums.update(repeating: 0)
          for row in 0..<rows {
            let first = row &* columns
            for i in 0..<columns {
              let above = unsafe products[first &+ i] + bias[i]
              unsafe sums[i] += above > 0 ? above : 0
            }
            guard both else { continue }
            for i in 0..<columns {
              let below = unsafe bias[i] - products[first &+ i]
              unsafe sums[columns &+ i] += below > 0 ? below : 0
            }
          }
        }
      }
    }
  }

  /// The eigenvalues, ascending, of A · Aᵀ or Aᵀ · A, whichever is smaller, of A `[rows, columns]`:
  /// the squares of its singular values.
  func squaredSingularValues(_ a: [Double], rows: Int, columns: Int) -> [Double] {
    let size = min(rows, columns)
    guard size > 0 else { return [] }
    var gram = [Double](repeating: 0, count: size * size)
    setThreads()
    unsafe a.withUnsafeBufferPointer { a in
      unsafe gram.withUnsafeMutableBufferPointer { c in
        unsafe cblas_dsyrk(
          CblasRowMajor, CblasLower, rows <= columns ? CblasNoTrans : CblasTrans, Int32(size),
          Int32(max(rows, columns)), 1, a.baseAddress, Int32(columns), 0, c.baseAddress,
          Int32(size))
      }
    }
    return eigenvalues(&gram, size: size, job: "N").map { max(0, $0) }
  }

  /// The eigenvalues, ascending, of a symmetric matrix `[size, size]`, and its eigenvectors of length 1, one a row.
  func symmetricEigen(_ matrix: [Double], size: Int) -> (values: [Double], vectors: [Double]) {
    precondition(size > 0 && matrix.count == size * size)
    setThreads()
    var vectors = matrix
    let values = eigenvalues(&vectors, size: size, job: "V")
    return (values, vectors)
  }

  /// LAPACK reads columns first, so that the lower triangle of rows is its upper one, and a column of eigenvectors is
  /// a row here.
  private func eigenvalues(
    _ matrix: inout [Double], size: Int, job: Unicode.Scalar
  ) -> [Double] {
    var values = [Double](repeating: 0, count: size)
    var work = [Double](repeating: 0, count: max(1, 34 * size))
    var (n, workCount, info) = (Int32(size), Int32(work.count), Int32(0))
    var (job, triangle) = (CChar(UInt8(ascii: job)), CChar(UInt8(ascii: "U")))
    unsafe dsyev_(&job, &triangle, &n, &matrix, &n, &values, &work, &workCount, &info)
    precondition(info == 0, "LAPACK's dsyev answered \(info) for a matrix of \(size) rows.")
    return values
  }

  func setThreads() { openblas_set_num_threads(Int32(threads.count)) }
}
