/// What one grid of views may hold.
public struct ViewGridLimits: Hashable, Sendable {
  /// Pictures, so rows, at most; 32 by default.
  public var pictures = 32
  /// Epochs shown of each at most; 8 by default.
  public var epochs = 8
  /// Pixels of the grid at most; 16 million by default.
  public var pixelCount = 16_000_000

  /// The defaults.
  public init() {}
}

/// Pictures beside the views that training makes of them, as one picture to look at.
///
/// One row per picture: its centre square, then the first and the second view of as many epochs as are asked for, parted by
/// white lines. The views are those that `ViewBatchSource` renders for the same seed, their normalisation undone.
public struct ViewGrid: Hashable, Sendable {
  /// The two distributions of views and the normalisation.
  public let augmentations: Augmentations
  /// The side of a view in pixels.
  public let side: Int
  /// The seed of the run.
  public let seed: UInt64
  /// Epochs to show, from the first on.
  public let epochs: Int
  private static let gap = 2

  /// A grid with `epochs` pairs of views per row.
  public init(augmentations: Augmentations, side: Int, seed: UInt64, epochs: Int) {
    precondition(side > 0 && epochs > 0, "\(epochs) epochs of \(side) pixels.")
    self.augmentations = augmentations
    self.side = side
    self.seed = seed
    self.epochs = epochs
  }

  /// Pixels per row of the grid.
  public var width: Int { (1 + 2 * epochs) * (side + ViewGrid.gap) - ViewGrid.gap }

  /// Rows of a grid of `pictures`.
  public func height(pictures: Int) -> Int { pictures * (side + ViewGrid.gap) - ViewGrid.gap }

  /// The grid of pictures, each with its index in the pack, which its views depend on.
  public func callAsFunction(_ pictures: [(index: Int, image: Raster)]) -> Raster {
    precondition(!pictures.isEmpty, "A grid of nothing.")
    let height = height(pictures: pictures.count)
    var pixels = [UInt8](repeating: 255, count: width * height * 3)
    for (row, picture) in pictures.enumerated() {
      let square = EvaluationTransform(side: side, resizedSide: side).square(of: picture.image)
      place(square.shown.pixels, row: row, column: 0, in: &pixels)
      for view in 0..<2 * epochs {
        place(levels(of: picture, view: view), row: row, column: 1 + view, in: &pixels)
      }
    }
    return Raster(width: width, height: height, pixels: pixels)
  }

  /// The bytes of the view number `view`, two per epoch, in three channels.
  private func levels(of picture: (index: Int, image: Raster), view: Int) -> [UInt8] {
    let normalization = augmentations.normalization
    let renderer = ViewRenderer(
      augmentation: view % 2 == 0 ? augmentations.first : augmentations.second,
      normalization: normalization, side: side)
    let floats = renderer(
      picture.image, seed: seed, epoch: view / 2, picture: picture.index, view: view % 2)
    let levels = floats.enumerated().map { place, value in
      let channel = place % normalization.channels
      let level = (value * normalization.deviation[channel] + normalization.mean[channel]) * 255
      return UInt8(min(255, max(0, level.rounded())))
    }
    return Raster(
      width: side, height: side, channels: normalization.channels, pixels: levels
    ).shown.pixels
  }

  private func place(_ square: [UInt8], row: Int, column: Int, in pixels: inout [UInt8]) {
    let pitch = side + ViewGrid.gap
    for y in 0..<side {
      let first = ((row * pitch + y) * width + column * pitch) * 3
      pixels.replaceSubrange(
        first..<first + side * 3, with: square[y * side * 3..<(y + 1) * side * 3])
    }
  }
}
