import Images
import Testing

@Suite struct ResamplingTests {
  @Test func `resizing is equal to Pillow's, bit for bit`() throws {
    let source = try Fixture.image("resize.source.png")
    let cases = try Fixture.lines("resize.cases.txt")
    #expect(cases.count == 14)
    for fields in cases {
      let n = fields[2...].compactMap(Int.init)
      let box = PixelBox(x: n[0], y: n[1], width: n[2] - n[0], height: n[3] - n[1])
      let resized = source.resized(
        width: n[4], height: n[5], filter: fields[1] == "bicubic" ? .bicubic : .bilinear, box: box)
      #expect(try resized == Fixture.image(fields[0] + ".expected.png"), "\(fields[0])")
    }
  }

  @Test func `the evaluation's square is equal to torchvision's through Pillow`() throws {
    let sources = try Fixture.names(suffix: ".source.png").filter { $0.hasPrefix("evaluation") }
    #expect(sources.count == 3)
    for name in sources {
      let stem = String(name.dropLast(".source.png".count))
      let numbers = stem.split(separator: ".").compactMap { Int($0) }
      let transform = EvaluationTransform(side: numbers[1], resizedSide: numbers[0])
      let square = try transform.square(of: Fixture.image(name))
      #expect(try square == Fixture.image(stem + ".expected.png"), "\(stem)")
    }
  }

  @Test func `the evaluation normalises by mean and deviation`() {
    let gray = Raster(width: 4, height: 4, pixels: Array(repeating: 51, count: 48))
    let values = EvaluationTransform(side: 4)(gray)
    #expect(values.count == 48)
    for (value, expected) in zip(values, [(0.2 - 0.485) / 0.229, (0.2 - 0.456) / 0.224]) {
      #expect(abs(Double(value) - expected) < 1e-5)
    }
  }

  @Test(arguments: [(224, 256), (128, 146), (112, 128), (96, 96), (32, 32)])
  func `the short side before the centre crop`(side: Int, resized: Int) {
    #expect(EvaluationTransform(side: side).resizedSide == resized)
  }

  @Test func `one long thin picture is resized and cropped`() {
    let thin = Raster(width: 1, height: 300, pixels: Array(repeating: 9, count: 900))
    #expect(EvaluationTransform(side: 8).square(of: thin).pixels.allSatisfy { $0 == 9 })
  }
}
