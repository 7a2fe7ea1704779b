internal import COpenBLAS
import Tensors

extension DenseAlgebra {
  /// f(A) of a symmetric matrix A `[size, size]`: the matrix with its eigenvectors and f of its eigenvalues.
  func function(
    _ f: (Double) -> Double, of matrix: [Double], size: Int
  ) -> [Double] {
    let (values, vectors) = symmetricEigen(matrix, size: size)
    var scaled = vectors
    for row in 0..<size {
      let factor = f(values[row])
      for column in 0..<size { scaled[row * size + column] *= factor }
    }
    var result = [Double](repeating: 0, count: size * size)
    product(
      vectors, transposed: true, scaled, rows: size, columns: size, inner: size, into: &result)
    return result
  }

  /// `gram` ← `gram` + A · Aᵀ of A `[rows, columns]`; both triangles are written.
  func addGram(_ a: [Double], rows: Int, columns: Int, to gram: inout [Double]) {
    precondition(a.count == rows * columns && gram.count == rows * rows)
    openblas_set_num_threads(Int32(threads.count))
    unsafe a.withUnsafeBufferPointer { a in
      unsafe gram.withUnsafeMutableBufferPointer { c in
        unsafe cblas_dgemm(
          CblasRowMajor, CblasNoTrans, CblasTrans, Int32(rows), Int32(rows), Int32(columns), 1,
          a.baseAddress, Int32(columns), a.baseAddress, Int32(columns), 1, c.baseAddress,
          Int32(rows))
      }
    }
  }

  /// The `count` largest eigenvalues, ascending, of a symmetric matrix `[size, size]`, and their eigenvectors of length 1,
  /// one a row.
  func largestEigen(
    _ matrix: [Double], size: Int, count: Int
  ) -> (values: [Double], vectors: [Double]) {
    precondition(count > 0 && count <= size && matrix.count == size * size)
    openblas_set_num_threads(Int32(threads.count))
    var matrix = matrix
    var values = [Double](repeating: 0, count: size)
    var vectors = [Double](repeating: 0, count: size * count)
    var support = [Int32](repeating: 0, count: 2 * count)
    var work = [Double](repeating: 0, count: 64 * size)
    var integers = [Int32](repeating: 0, count: 10 * size)
    var (job, range, triangle) = (letter("V"), letter("I"), letter("U"))
    var (n, first, last) = (Int32(size), Int32(size - count + 1), Int32(size))
    var (low, high, tolerance) = (0.0, 0.0, 0.0)
    var (found, info) = (Int32(0), Int32(0))
    var (workCount, integerCount) = (Int32(work.count), Int32(integers.count))
    unsafe dsyevr_(
      &job, &range, &triangle, &n, &matrix, &n, &low, &high, &first, &last, &tolerance, &found,
      &values, &vectors, &n, &support, &work, &workCount, &integers, &integerCount, &info)
    precondition(info == 0, "LAPACK's dsyevr answered \(info) for a matrix of \(size) rows.")
    return (Array(values.prefix(count)), vectors)
  }

  private func letter(_ scalar: Unicode.Scalar) -> CChar { CChar(UInt8(ascii: scalar)) }
}
