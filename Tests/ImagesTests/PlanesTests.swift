import Images
import Testing

/// Pictures of other than three channels.
@Suite struct PlanesTests {
  /// A file as NumPy writes it, with any words in its head.
  func npy(
    _ shape: String, type: String = "'|u1'", order: String = "False", data: [UInt8],
    version: UInt8 = 1
  ) -> [UInt8] {
    let text = "{'descr': \(type), 'fortran_order': \(order), 'shape': \(shape), }\n"
    let length = text.utf8.count
    let size = [UInt8(length & 255), UInt8(length >> 8)] + (version == 1 ? [] : [0, 0])
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + size + Array(text.utf8) + data
  }

  func code(_ bytes: [UInt8], limits: ImageLimits = ImageLimits()) -> ImageError.Code? {
    do throws(ImageError) { _ = try decode(bytes, limits: limits) } catch { return error.code }
    return nil
  }

  @Test(arguments: [1, 2, 4, 5, 16])
  func `NumPy's planes are read, and resized as Pillow resizes each`(count: Int) throws {
    let picture = try Fixture.image("planes.\(count).npy")
    #expect((picture.width, picture.height, picture.channels) == (31, 26, count))
    let header = try readHeader(of: Fixture.bytes("planes.\(count).npy"))
    #expect(header.format == .npy && header.kind == (count == 1 ? .gray : .planes))
    let resized = picture.resized(width: 13, height: 17)
    #expect(try resized == Fixture.image("planes.\(count).expected.npy"))
  }

  @Test func `three planes are red, green and blue, one is gray`() throws {
    let data = [UInt8](1...12)
    let colors = try decode(npy("(2, 2, 3)", data: data))
    #expect(colors == Raster(width: 2, height: 2, pixels: data) && colors[1, 0] == (4, 5, 6))
    let gray = try decode(npy("(3, 4)", data: data, version: 3))
    #expect(gray == Raster(width: 4, height: 3, channels: 1, pixels: data) && gray.isGray)
    #expect(gray.shown[3, 2] == (12, 12, 12))
    #expect(try decode(npy("(2, 3, 2)", data: data)).shown[0, 0] == (1, 1, 1))
    #expect(try decode(npy("(1, 3, 4)", data: data)).shown[1, 0] == (5, 6, 7))
  }

  @Test func `every cut is truncated`() throws {
    let whole = npy("(3, 4)", data: [UInt8](1...12))
    for count in 6..<whole.count {
      #expect(code(Array(whole.prefix(count))) == .truncated, "\(count)")
    }
  }

  @Test(arguments: [
    ("'<u2'", "False", "(2, 2)", ImageError.Code.unsupportedFormat),
    ("'<f4'", "False", "(2, 2)", .unsupportedFormat),
    ("[('a', '|u1')]", "False", "(2, 2)", .unsupportedFormat),
    ("'|u1'", "True", "(2, 2)", .unsupportedFormat), ("'|u1'", "False", "(4,)", .unsupportedFormat),
    ("'|u1'", "False", "()", .unsupportedFormat),
    ("'|u1'", "False", "(1, 1, 2, 2)", .unsupportedFormat),
    ("'|u1'", "False", "(2, 2, 17)", .unsupportedFormat),
    ("'|u1'", "False", "(2, 2, 0)", .unsupportedFormat),
    ("'|u1'", "False", "(0, 2)", .corrupt), ("'|u1'", "False", "(-1, 2)", .corrupt),
    ("'|u1'", "False", "(a, 2)", .corrupt), ("'|u1'", "False", "2, 2", .corrupt),
    ("'|u1'", "False", "(99999999999999999999, 2)", .corrupt),
    ("'|u1'", "False", "(9223372036854775807, 9223372036854775807)", .tooLargeSide),
    ("'|u1'", "False", "(16384, 16384, 16)", .tooManyPixels),
    ("'|u1'", "False", "(16384, 1)", .truncated),
  ])
  func `what is no picture is refused`(
    type: String, order: String, shape: String, expected: ImageError.Code
  ) {
    #expect(code(npy(shape, type: type, order: order, data: [1, 2, 3, 4])) == expected)
  }

  @Test func `a head that tells nothing is corrupt, a long one is not read`() {
    var bytes = npy("(2, 2)", data: [1, 2, 3, 4])
    bytes[14] = UInt8(ascii: "x")
    #expect(code(bytes) == .corrupt)
    bytes[6] = 9
    #expect(code(bytes) == .unsupportedFormat)
    bytes = npy("(2, 2)" + String(repeating: " ", count: 10_000), data: [1, 2, 3, 4])
    #expect(code(bytes) == .corrupt)
  }

  /// A picture of 3 channels, and one that has these five times over in other places.
  private var pair: (colors: Raster, planes: Raster) {
    let colors = samplePicture(width: 50, height: 41)
    var pixels: [UInt8] = []
    for first in stride(from: 0, to: colors.pixels.count, by: 3) {
      pixels += [2, 0, 1, 1, 0].map { colors.pixels[first + $0] }
    }
    return (colors, Raster(width: 50, height: 41, channels: 5, pixels: pixels))
  }

  private func normalization(_ places: [Int]) -> Normalization {
    var normalization = Normalization()
    normalization.mean = places.map { Normalization().mean[$0] }
    normalization.deviation = places.map { Normalization().deviation[$0] }
    return normalization
  }

  /// `values` of three channels, as those of `pair.planes` would be.
  private func spread(_ values: [Float]) -> [Float] {
    stride(from: 0, to: values.count, by: 3).flatMap { first in
      [2, 0, 1, 1, 0].map { values[first + $0] }
    }
  }

  @Test func `each channel of a view is what it would be in a picture of three`() {
    let (colors, planes) = pair
    let sides = (
      ViewRenderer(augmentation: .paperFirst, normalization: Normalization(), side: 29),
      ViewRenderer(
        augmentation: .paperFirst, normalization: normalization([2, 0, 1, 1, 0]), side: 29)
    )
    var parameters = ViewParameters(crop: PixelBox(x: 3, y: 1, width: 40, height: 33))
    parameters.flip = true
    parameters.blurSigma = 1.3
    parameters.solarizeThreshold = 0.5
    parameters.colorChanges = [.contrast(1.3), .brightness(-0.2), .contrast(0.7)]
    let expected = spread(sides.0(colors, parameters))
    let plain = sides.1(planes, parameters)
    #expect(plain.count == 29 * 29 * 5 && plain.count == expected.count)
    #expect(zip(plain, expected).allSatisfy { abs($0 - $1) < 1e-4 })
    // Changes of colour are left out where there are not three.
    parameters.colorChanges =
      [.hue(0.3), .contrast(1.3), .saturation(0.1), .brightness(-0.2)]
      + [.gray, .contrast(0.7)]
    #expect(sides.1(planes, parameters) == plain)
    #expect(spread(sides.0(colors, parameters)) != expected)
  }

  @Test func `one channel is rendered as a gray picture is`() {
    let gray = samplePicture(width: 40, height: 30).pixels.enumerated().filter { $0.0 % 3 == 0 }
      .map(\.1)
    let one = Raster(width: 40, height: 30, channels: 1, pixels: gray)
    var usual = Normalization(channels: 1)
    let single = ViewRenderer(augmentation: .paperSecond, normalization: usual, side: 24)
    usual.mean = [0.5, 0.5, 0.5]
    usual.deviation = [0.25, 0.25, 0.25]
    let triple = ViewRenderer(augmentation: .paperSecond, normalization: usual, side: 24)
    for epoch in 0..<8 {
      let view = single(one, seed: 1, epoch: epoch, picture: 0, view: 1)
      let expected = unsafe one.shown.withPixels(isGray: true) { pixels in
        unsafe [Float](unsafeUninitializedCapacity: 24 * 24 * 3) { buffer, count in
          unsafe triple.render(
            pixels, seed: 1, epoch: epoch, picture: 0, view: 1, into: buffer, scratch: ViewScratch()
          )
          count = 24 * 24 * 3
        }
      }
      #expect(view.count == 24 * 24)
      #expect(view.enumerated().allSatisfy { abs($1 - expected[3 * $0]) < 1e-4 }, "\(epoch)")
    }
  }

  @Test func `the evaluation's square has all channels`() {
    let (colors, planes) = pair
    let expected = spread(EvaluationTransform(side: 20)(colors))
    let transform = EvaluationTransform(side: 20, normalization: normalization([2, 0, 1, 1, 0]))
    #expect(transform(planes) == expected)
  }

  @Test func `a grid shows planes in three channels`() {
    var augmentations = Augmentations()
    augmentations.normalization = Normalization(channels: 5)
    let grid = ViewGrid(augmentations: augmentations, side: 16, seed: 1, epochs: 1)
    let shown = grid([(index: 0, image: pair.planes)])
    #expect((shown.width, shown.channels) == (grid.width, 3))
    #expect(
      shown[0, 0]
        == EvaluationTransform(side: 16, resizedSide: 16).square(of: pair.planes.shown)[0, 0])
  }
}
