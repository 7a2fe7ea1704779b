import Foundation
import Images
import Testing

/// Pictures far from square, huge, or of many frames: what they cost follows from their size and the result's.
@Suite struct ExtremeShapesTests {
  static let shapes = [
    (1, 1), (1, 2), (2, 1), (3, 700), (700, 3), (17, 16), (64, 64), (333, 97), (1, 1500), (1500, 1),
  ]

  /// The square by its definition: the whole picture resized, then cut.
  static func slowSquare(_ image: Raster, _ transform: EvaluationTransform) -> Raster {
    let short = min(image.width, image.height)
    let (width, height) = (
      image.width * transform.resizedSide / short, image.height * transform.resizedSide / short
    )
    func margin(_ length: Int) -> Int {
      Int((Double(length - transform.side) / 2).rounded(.toNearestOrEven))
    }
    return image.resized(width: width, height: height).cropped(
      to: PixelBox(
        x: margin(width), y: margin(height), width: transform.side, height: transform.side))
  }

  @Test(arguments: shapes, [1, 3, 5])
  func `the square has the bits of the whole picture resized and cut`(
    shape: (Int, Int), channels: Int
  ) {
    let colour = samplePicture(width: shape.0 * channels, height: shape.1)
    let image = Raster(
      width: shape.0, height: shape.1, channels: channels,
      pixels: Array(colour.pixels.prefix(shape.0 * shape.1 * channels)))
    // The slow way makes the whole resized picture, so that long pictures are tried at small sides only.
    for side in shape.0 + shape.1 > 1000 ? [8, 21] : [8, 32, 113, 224] {
      for resized in [side, side * 8 / 7, side + 1] {
        let transform = EvaluationTransform(side: side, resizedSide: resized)
        #expect(
          transform.square(of: image) == Self.slowSquare(image, transform), "\(side) \(resized)")
      }
    }
  }

  @Test(arguments: ResamplingFilter.allCases)
  func `a part of a resized box has the bits of the whole`(filter: ResamplingFilter) {
    let image = samplePicture(width: 90, height: 70)
    let box = PixelBox(x: 11, y: 5, width: 61, height: 43)
    for (width, height) in [(200, 150), (30, 90), (61, 43), (7, 5), (1, 1)] {
      let whole = image.resized(width: width, height: height, filter: filter, box: box)
      for part in [
        PixelBox(x: 0, y: 0, width: 1, height: 1),
        PixelBox(x: width - 1, y: height - 1, width: 1, height: 1),
        PixelBox(x: width / 3, y: height / 4, width: width - width / 3, height: height / 2 + 1),
      ] where part.y + part.height <= height {
        let found = image.resized(
          width: width, height: height, filter: filter, box: box, part: part)
        #expect(found == whole.cropped(to: part), "\(width) x \(height) \(part)")
      }
    }
  }

  /// One of 1.2 KB once took 3.3 GB at 224 pixels.
  @Test(
    .measuresMemoryOfProcess, arguments: [(16384, 1), (1, 16384), (16384, 3051), (3051, 16384)])
  func `the square of the longest pictures takes little memory at every side`(
    width: Int, height: Int
  ) async {
    await #expect(processExitsWith: .success) { [width = width as Int, height = height as Int] in
      let image = Raster(
        width: width, height: height, pixels: [UInt8](repeating: 77, count: width * height * 3))
      for side in [8, 32, 224, 512] {
        let transform = EvaluationTransform(side: side)
        var square: Raster?
        let cost = DecodingCost { square = transform.square(of: image) }
        #expect(square?.pixels.allSatisfy { $0 == 77 } == true)
        #expect(cost.byteCount < 64 << 20, "\(side): \(cost)")
      }
    }
  }

  @Test func `views and thumbnails of the longest pictures are made`() throws {
    for (width, height) in [(16384, 1), (1, 16384), (1, 1)] {
      let image = samplePicture(width: width, height: height)
      for side in [8, 96] {
        let renderer = ViewRenderer(
          augmentation: .paperFirst, normalization: Normalization(), side: side)
        let view = renderer(image, seed: 1, epoch: 0, picture: 0, view: 0)
        #expect(view.count == side * side * 3 && view.allSatisfy(\.isFinite))
      }
      let grid = ViewGrid(augmentations: Augmentations(), side: 32, seed: 1, epochs: 1)
      #expect(grid([(0, image)]).height == 32)
      #expect(try decode(image.png()) == image)
      #expect(try decode(image.jpeg(), atLeast: 512).width == width)
    }
  }
}
