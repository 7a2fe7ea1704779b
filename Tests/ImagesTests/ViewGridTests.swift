import Images
import Testing

@Suite struct ViewGridTests {
  let pictures = [
    (index: 3, image: samplePicture(width: 50, height: 41)),
    (index: 9, image: samplePicture(width: 30, height: 64, seed: 2)),
  ]

  @Test func `a grid has the squares and the views that training renders`() {
    let augmentations = Augmentations()
    let grid = ViewGrid(augmentations: augmentations, side: 24, seed: 5, epochs: 2)
    let shown = grid(pictures)
    #expect((shown.width, shown.height) == (5 * 26 - 2, 2 * 26 - 2))
    let square = EvaluationTransform(side: 24, resizedSide: 24).square(of: pictures[1].image)
    #expect(shown.cropped(to: PixelBox(x: 0, y: 26, width: 24, height: 24)) == square)
    let renderer = ViewRenderer(
      augmentation: augmentations.second, normalization: augmentations.normalization, side: 24)
    let view = renderer(pictures[0].image, seed: 5, epoch: 1, picture: 3, view: 1)
    let tile = shown.cropped(to: PixelBox(x: 4 * 26, y: 0, width: 24, height: 24))
    let worst = zip(view, tile.pixels).enumerated().map { place, pair in
      let level =
        pair.0 * Normalization().deviation[place % 3] + Normalization().mean[place % 3]
      return abs(level * 255 - Float(pair.1))
    }.max()
    #expect(worst.map { $0 <= 0.51 } == true)
    #expect(shown[24, 0] == (255, 255, 255))
  }

  @Test func `gray pictures are spared changes of colour and no others`() {
    let levels = samplePicture(width: 40, height: 40).pixels
    let gray = Raster(
      width: 40, height: 40,
      pixels: stride(from: 0, to: levels.count, by: 3).flatMap {
        [levels[$0], levels[$0], levels[$0]]
      })
    let renderer = ViewRenderer(
      augmentation: .paperFirst, normalization: Normalization(), side: 20)
    func render(_ changes: [ColorChange]) -> [Float] {
      var parameters = ViewParameters(crop: PixelBox(x: 1, y: 2, width: 36, height: 34))
      parameters.colorChanges = changes
      var view = [Float](repeating: 0, count: renderer.elementCount)
      unsafe gray.withPixels(isGray: true) { pixels in
        unsafe view.withUnsafeMutableBufferPointer { output in
          unsafe renderer.render(pixels, parameters, into: output, scratch: ViewScratch())
        }
      }
      return view
    }
    let plain = render([])
    #expect(render([.hue(0.3), .saturation(1.2), .gray]) == plain)
    #expect(render([.brightness(0.1)]) != plain)
    #expect(render([.contrast(1.3)]) != plain)
  }
}
