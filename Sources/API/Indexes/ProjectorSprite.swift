import DatasetLibrary
import Images
import Retrieval
import Threads

/// One picture of thumbnails for TensorFlow's embedding projector: square ones, row by row in the order of the index, as many across as down, black at the end.
struct ProjectorSprite: Hashable {
  /// Thumbnails across.
  let across: Int
  /// The side of one, in pixels.
  let side: Int

  /// The sides of a thumbnail, in pixels.
  static let sides = 8...64

  /// A layout of its parts.
  init(across: Int, side: Int) { (self.across, self.side) = (across, side) }

  /// The layout for some pictures; nil for more than have room.
  init?(count: Int) {
    var across = 1
    while across * across < count { across += 1 }
    self.across = across
    side = min(Self.sides.upperBound, SearchLimits.spriteSide / across)
    guard side >= Self.sides.lowerBound else { return nil }
  }

  /// The most pictures that have room.
  static var capacity: Int {
    let across = SearchLimits.spriteSide / sides.lowerBound
    return across * across
  }
}

/// Draws sprites on a thread of its own, one after the other.
actor SpriteDesk {
  private let executor = ThreadExecutor(name: "sprite")

  nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  /// The PNG of an index's pictures.
  ///
  /// - Throws: `DatasetLibraryError` where the dataset or a picture is not there any more; what decoding throws.
  func png(
    _ sprite: ProjectorSprite, of index: VectorIndex, in library: DatasetLibrary, dataset: String
  ) throws -> [UInt8] {
    let width = sprite.across * sprite.side
    var pixels = [UInt8](repeating: 0, count: 3 * width * width)
    let transform = EvaluationTransform(side: sprite.side)
    for row in 0..<index.count {
      // Whoever asked may have left.
      try Task.checkCancellation()
      let picture = try library.picture(index.item(row).picture, of: dataset)
      let square = transform.square(of: picture.image.shown)
      let (top, left) = (row / sprite.across * sprite.side, row % sprite.across * sprite.side)
      for line in 0..<sprite.side {
        let (from, to) = (3 * line * sprite.side, 3 * ((top + line) * width + left))
        pixels.replaceSubrange(
          to..<to + 3 * sprite.side, with: square.pixels[from..<from + 3 * sprite.side])
      }
    }
    return try Raster(width: width, height: width, pixels: pixels).png()
  }
}
