import Foundation
import Images
import Randomness
import Testing

@Suite struct ViewRendererTests {
  let normalization = Normalization()

  func renderer(side: Int, _ augmentation: ViewAugmentation = .paperFirst) -> ViewRenderer {
    ViewRenderer(augmentation: augmentation, normalization: normalization, side: side)
  }

  /// The largest difference from the reference, in units of 0…1 (the least deviation is 0.224).
  func worst(_ image: Raster, _ parameters: ViewParameters, side: Int) -> Double {
    let fast = renderer(side: side)(image, parameters)
    let slow = ReferenceView.render(
      image, parameters, side: side, normalization: normalization)
    #expect(fast.count == slow.count)
    return zip(fast, slow).map { abs(Double($0) - $1) * 0.224 }.max() ?? 1
  }

  @Test func `a view depends on seed, epoch, picture and view, and on nothing else`() {
    let picture = samplePicture(width: 50, height: 41)
    let renderer = renderer(side: 32)
    let view = renderer(picture, seed: 1, epoch: 2, picture: 3, view: 0)
    #expect(view == renderer(picture, seed: 1, epoch: 2, picture: 3, view: 0))
    #expect(view != renderer(picture, seed: 2, epoch: 2, picture: 3, view: 0))
    #expect(view != renderer(picture, seed: 1, epoch: 1, picture: 3, view: 0))
    #expect(view != renderer(picture, seed: 1, epoch: 2, picture: 4, view: 0))
    #expect(view != renderer(picture, seed: 1, epoch: 2, picture: 3, view: 1))
  }

  @Test(arguments: [
    (PixelBox(x: 0, y: 0, width: 50, height: 41), 32),
    (PixelBox(x: 7, y: 5, width: 9, height: 8), 40),
    (PixelBox(x: 3, y: 1, width: 47, height: 30), 17),
    (PixelBox(x: 49, y: 40, width: 1, height: 1), 5),
  ])
  func `the crop is the reference's`(box: PixelBox, side: Int) {
    let picture = samplePicture(width: 50, height: 41)
    var parameters = ViewParameters(crop: box)
    #expect(worst(picture, parameters, side: side) < 1e-5)
    parameters.flip = true
    #expect(worst(picture, parameters, side: side) < 1e-5)
  }

  @Test(arguments: [(true, false), (false, true), (true, true)], [8, 33])
  func `flips top to bottom and transpositions are the reference's`(turn: (Bool, Bool), side: Int) {
    let picture = samplePicture(width: 50, height: 41)
    var parameters = ViewParameters(crop: PixelBox(x: 7, y: 5, width: 29, height: 28))
    let upright = renderer(side: side)(picture, parameters)
    (parameters.verticalFlip, parameters.transpose) = turn
    #expect(worst(picture, parameters, side: side) < 1e-5)
    #expect(renderer(side: side)(picture, parameters) != upright)
  }

  static let changes: [ColorChange] = [
    .brightness(0.4), .brightness(-0.37), .contrast(1.4), .contrast(0.6), .saturation(0.8),
    .saturation(1.2), .saturation(3), .saturation(0), .hue(0.1), .hue(-0.1), .hue(0.5), .hue(-0.43),
    .gray,
  ]

  @Test(arguments: changes)
  func `each change of colour is the reference's`(change: ColorChange) {
    let picture = samplePicture(width: 40, height: 40, seed: 5)
    var parameters = ViewParameters(crop: PixelBox(x: 2, y: 3, width: 36, height: 33))
    parameters.colorChanges = [change]
    #expect(worst(picture, parameters, side: 29) < 1e-5)
  }

  @Test(arguments: [(32, Float(0.1)), (32, 2), (64, 1.3), (100, 2), (41, 1), (16, 2)])
  func `the blur is the reference's`(side: Int, sigma: Float) {
    let picture = samplePicture(width: 60, height: 50, seed: 6)
    var parameters = ViewParameters(crop: PixelBox(x: 0, y: 0, width: 60, height: 50))
    parameters.blurSigma = sigma
    #expect(worst(picture, parameters, side: side) < 5e-5)
  }

  @Test(arguments: [(224, 11), (128, 6), (96, 4), (64, 3), (32, 1), (16, 0)])
  func `the blur's kernel is a tenth of the side`(side: Int, radius: Int) {
    #expect(ViewRenderer.blurRadius(side: side) == radius)
  }

  @Test func `solarizing inverts from the threshold on`() {
    var pixels: [UInt8] = []
    for level in 0..<256 { pixels += [UInt8(level), UInt8(255 - level), 128] }
    var parameters = ViewParameters(crop: PixelBox(x: 0, y: 0, width: 16, height: 16))
    parameters.solarizeThreshold = 0.5
    let picture = Raster(width: 16, height: 16, pixels: pixels)
    #expect(worst(picture, parameters, side: 16) < 1e-5)
  }

  @Test func `hue and saturation are Python's colorsys's`() throws {
    let lines = try Fixture.lines("colors.txt").map { $0.compactMap(Double.init) }
    #expect(lines.count == 300 && lines.allSatisfy { $0.count == 11 })
    for n in lines {
      let pixels = n[..<3].map { UInt8(($0 * 255).rounded()) }
      let one = Raster(width: 1, height: 1, pixels: pixels)
      for (change, expected) in [
        (ColorChange.hue(Float(n[3])), n[5..<8]), (.saturation(Float(n[4])), n[8..<11]),
      ] {
        var parameters = ViewParameters(crop: PixelBox(x: 0, y: 0, width: 1, height: 1))
        parameters.colorChanges = [change]
        let view = renderer(side: 1)(one, parameters)
        for (c, value) in expected.enumerated() {
          let got =
            Double(view[c]) * Double(normalization.deviation[c]) + Double(normalization.mean[c])
          #expect(abs(got - value) < 1e-5, "\(n)")
        }
      }
    }
  }

  @Test(arguments: [0, 1])
  func `whole random views are the reference's`(view: Int) {
    let augmentations = Augmentations()
    let side = 40
    let renderer = renderer(
      side: side, view == 0 ? augmentations.first : augmentations.second)
    let picture = samplePicture(width: 57, height: 44, seed: 8)
    for index in 0..<15 {
      let parameters = renderer.parameters(
        width: 57, height: 44, seed: 9, epoch: 0, picture: index, view: view)
      #expect(worst(picture, parameters, side: side) < 1e-4, "\(parameters)")
    }
  }

  @Test func `a wrong amount is noticed`() {
    let picture = samplePicture(width: 40, height: 40)
    var parameters = ViewParameters(crop: PixelBox(x: 0, y: 0, width: 40, height: 40))
    parameters.colorChanges = [.hue(0.1)]
    let right = ReferenceView.render(
      picture, parameters, side: 20, normalization: normalization)
    parameters.colorChanges = [.hue(0.102)]
    let wrong = renderer(side: 20)(picture, parameters)
    #expect(zip(wrong, right).contains { abs(Double($0) - $1) * 0.224 > 1e-3 })
  }
}
