public import Tensors

/// Features that need no training: random patches of the training pictures, whitened, convolved over a picture,
/// thresholded and averaged.
///
/// The definition is that of torchgeo's RCF in its empirical mode, after Coates and Ng (2011) and Thiry et al. (2021):
/// each patch loses its mean and is scaled to length 1; with the covariance C of such patches and
/// Z = (C + ε·1)^(−1/2), a filter is w = p·Z·Z, which whitens both the patch p and what it is multiplied with. A feature
/// is the mean over all positions of max(0, w·x + b); with both signs there is also that of max(0, −w·x + b).
/// There is no padding. With b < 0 only positions that resemble the patch count.
public struct WhitenedPatches: Sendable, Hashable, Codable {
  /// Which products with a filter count.
  public enum Signs: String, Sendable, Hashable, Codable, CaseIterable {
    /// Those above −b.
    case positive
    /// Those above −b, and, as a feature of its own, those below b.
    case both
  }

  /// Filters where nothing else is asked for.
  public static let defaultCount = 512
  /// The kernel size where nothing else is asked for, in pixels.
  public static let defaultKernelSize = 3
  /// b where nothing else is asked for.
  public static let defaultBias: Float = -1
  /// ε, which is added to every eigenvalue of the covariance of patches of length 1.
  public static let regularisation = 1e-3

  /// The kernel size, in pixels.
  public let kernelSize: Int
  /// Channels of the pictures.
  public let channels: Int
  /// `[count, kernelSize, kernelSize, channels]`, row-major.
  public let filters: [Float]
  /// b of each filter, `[count]`.
  public let bias: [Float]
  /// Which products count.
  public let signs: Signs

  /// The number of filters.
  public var count: Int { bias.count }
  /// Features of a picture: the filters, twice with both signs.
  public var dimension: Int { signs == .both ? 2 * count : count }
  /// Values of a patch: `kernelSize² · channels`.
  public var patchElementCount: Int { kernelSize * kernelSize * channels }

  /// Filters given by hand, `[count, kernelSize, kernelSize, channels]`; `bias` is `[count]`.
  public init(
    filters: [Float], bias: [Float], kernelSize: Int, channels: Int, signs: Signs
  ) {
    precondition(
      kernelSize > 0 && channels > 0 && !bias.isEmpty
        && filters.count == bias.count * kernelSize * kernelSize * channels,
      "\(filters.count) values are not \(bias.count) filters of \(kernelSize) px, \(channels) channels."
    )
    (self.filters, self.bias, self.signs) = (filters, bias, signs)
    (self.kernelSize, self.channels) = (kernelSize, channels)
  }

  /// Filters from patches `[N, kernelSize, kernelSize, channels]` of the training pictures, values 0…1.
  ///
  /// The first `count` patches that are not flat become filters; all of them give the covariance. Where fewer are not
  /// flat, there are as many filters as those.
  ///
  /// - Throws: `tooFewPictures` if every patch is flat, `notFinite` with a patch's number.
  public init(
    patches: [Float], kernelSize: Int = defaultKernelSize, channels: Int,
    count: Int = defaultCount, bias: Float = defaultBias, signs: Signs = .both,
    threads: ThreadBudget
  ) throws(EvaluationError) {
    let size = kernelSize * kernelSize * channels
    precondition(count > 0 && size > 0 && patches.count % size == 0)
    if let index = patches.firstIndex(where: { !$0.isFinite }) {
      throw .notFinite(row: index / size)
    }
    let units = unitPatches(patches, size: size)
    guard !units.isEmpty else {
      throw .tooFewPictures(
        "Every patch of the training pictures is of one value; whitened patches need some that are not."
      )
    }
    let algebra = DenseAlgebra(threads: threads)
    let whitening = whiteningSquared(units, size: size, algebra)
    let chosen = min(count, units.count / size)
    var filters = [Double](repeating: 0, count: chosen * size)
    algebra.product(
      Array(units.prefix(chosen * size)), whitening, rows: chosen, columns: size, inner: size,
      into: &filters)
    self.init(
      filters: filters.map(Float.init), bias: [Float](repeating: bias, count: chosen),
      kernelSize: kernelSize, channels: channels, signs: signs)
  }
}

/// The patches without their means, of length 1; those that are flat are left out.
private func unitPatches(_ patches: [Float], size: Int) -> [Double] {
  var units: [Double] = []
  units.reserveCapacity(patches.count)
  for first in stride(from: 0, to: patches.count, by: size) {
    let patch = patches[first..<first + size].map(Double.init)
    let mean = patch.reduce(0, +) / Double(size)
    let length = patch.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }.squareRoot()
    // The largest rounding error of a flat patch's mean is far below, the least step of 8 bits far above.
    guard length > 1e-6 else { continue }
    units += patch.map { ($0 - mean) / length }
  }
  return units
}

/// Z·Z = (C + ε·1)⁻¹ of the covariance C = UᵀU / N of `units` `[N, size]`.
///
/// It is computed from the eigenvalues, since C is singular: no patch has a component along the constant one.
private func whiteningSquared(_ units: [Double], size: Int, _ algebra: DenseAlgebra) -> [Double] {
  var covariance = [Double](repeating: 0, count: size * size)
  let count = units.count / size
  algebra.product(
    units, transposed: true, units, rows: size, columns: size, inner: count, into: &covariance)
  return algebra.function(
    { 1 / (max(0, $0) + WhitenedPatches.regularisation) },
    of: covariance.map { $0 / Double(count) }, size: size)
}
