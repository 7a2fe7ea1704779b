public import Tensors

/// Convolution filters from a set's own patches, whitened (Coates & Ng 2011; Thiry et al. 2021), for features that need no
/// training.
///
/// With the mean μ and the covariance C of patches, and Z = (C + ε·mean(λ)·1)^(−1/2), a filter is w = u·Z, where u is a
/// whitened patch (p − μ)·Z of length 1. Every filter is scaled so that its products with patches have deviation 1: a
/// threshold then means the same for all of them. Unlike ``WhitenedPatches`` a patch keeps its own mean: how bright a picture
/// is counts.
public struct PatchFilters: Sendable, Hashable {
  /// `[count, patch]`, row-major; a patch is in the order of the patches it was made of.
  public let weights: [Float]
  /// What is added to each product, `[count]`: −w·μ.
  public let bias: [Float]

  /// ε, relative to the mean eigenvalue of the covariance.
  public static let regularisation = 1e-3

  /// Filters from patches `[N, size]`, of which the first `count` become filters.
  ///
  /// - Throws: `tooFewPictures` where fewer than two patches are given or all are equal, `notFinite` with a patch's number.
  public init(
    patches: [Float], size: Int, count: Int, threads: ThreadBudget
  ) throws(EvaluationError) {
    precondition(count > 0 && size > 0 && patches.count % size == 0)
    let rows = patches.count / size
    if let index = patches.firstIndex(where: { !$0.isFinite }) {
      throw .notFinite(row: index / size)
    }
    guard rows > 1, patches.contains(where: { $0 != patches[0] }) else {
      throw .tooFewPictures(
        "Filters are made of patches that differ; the training pictures have none.")
    }
    let algebra = DenseAlgebra(threads: threads)
    let (centred, mean) = Self.centred(patches, size: size)
    let whitening = Self.whitening(centred, size: size, algebra)
    let chosen = min(count, rows)
    var whitened = [Double](repeating: 0, count: chosen * size)
    algebra.product(
      Array(centred.prefix(chosen * size)), whitening, rows: chosen, columns: size, inner: size,
      into: &whitened)
    Self.scaleRows(&whitened, size: size) { row in
      row.reduce(0) { $0 + $1 * $1 }.squareRoot()
    }
    var filters = [Double](repeating: 0, count: chosen * size)
    algebra.product(
      whitened, whitening, rows: chosen, columns: size, inner: size, into: &filters)
    let products = Self.products(centred, filters, size: size, algebra)
    var index = -1
    Self.scaleRows(&filters, size: size) { _ in
      index += 1
      return products[index]
    }
    weights = filters.map(Float.init)
    bias = (0..<chosen).map { filter in
      Float(-(0..<size).reduce(0) { $0 + filters[filter * size + $1] * mean[$1] })
    }
  }

  /// The number of filters.
  public var count: Int { bias.count }

  private static func centred(_ patches: [Float], size: Int) -> (values: [Double], mean: [Double]) {
    let rows = patches.count / size
    var mean = [Double](repeating: 0, count: size)
    for index in patches.indices { mean[index % size] += Double(patches[index]) / Double(rows) }
    return (patches.indices.map { Double(patches[$0]) - mean[$0 % size] }, mean)
  }

  /// Z of the covariance of `centred` `[N, size]`, `[size, size]`.
  private static func whitening(
    _ centred: [Double], size: Int, _ algebra: DenseAlgebra
  ) -> [Double] {
    let rows = centred.count / size
    var covariance = [Double](repeating: 0, count: size * size)
    algebra.product(
      centred, transposed: true, centred, rows: size, columns: size, inner: rows, into: &covariance)
    for index in covariance.indices { covariance[index] /= Double(rows) }
    // The mean eigenvalue is the mean of the diagonal.
    let trace = (0..<size).reduce(0) { $0 + covariance[$1 * size + $1] }
    let floor = trace / Double(size) * regularisation
    return algebra.function({ 1 / (max(0, $0) + floor).squareRoot() }, of: covariance, size: size)
  }

  /// The deviation of each filter's product with the patches.
  private static func products(
    _ centred: [Double], _ filters: [Double], size: Int, _ algebra: DenseAlgebra
  ) -> [Double] {
    let (rows, count) = (centred.count / size, filters.count / size)
    var transposed = [Double](repeating: 0, count: filters.count)
    for filter in 0..<count {
      for column in 0..<size {
        transposed[column * count + filter] = filters[filter * size + column]
      }
    }
    var products = [Double](repeating: 0, count: rows * count)
    algebra.product(
      centred, transposed, rows: rows, columns: count, inner: size, into: &products)
    var squares = [Double](repeating: 0, count: count)
    for index in products.indices { squares[index % count] += products[index] * products[index] }
    return squares.map { ($0 / Double(rows)).squareRoot() }
  }

  /// Divides each row by its scale; a row whose scale is 0 stays.
  private static func scaleRows(
    _ matrix: inout [Double], size: Int, by scale: (ArraySlice<Double>) -> Double
  ) {
    for first in stride(from: 0, to: matrix.count, by: size) {
      let divisor = scale(matrix[first..<first + size])
      guard divisor > 0 else { continue }
      for index in first..<first + size { matrix[index] /= divisor }
    }
  }
}
