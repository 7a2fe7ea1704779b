import Checkpoints
import Encoders
import Images
import NeuralNetworks
import OneDNNLowering
import Randomness
import ReferenceLowering
import TensorGraph
import Tensors
import Testing

/// Embeddings that are more than the representation: what is computed, and how it is stored.
@Suite struct `Embedding heads` {
  private static let (channels, count, dimension) = (3, 2, 5)

  /// Numbers that look random, in −1…1.
  private static func drawn(_ count: Int, _ lane: Int) -> [Float] {
    var random = RandomStream(seed: 9, purpose: .evaluation, lane: lane)
    return (0..<count).map { _ in random.uniform(in: -1...1) }
  }

  private static let every = FeatureBlocks(stages: 4, hasQuadrants: true, hasHalfScale: true)
  private static let ofVersion2 = FeatureBlocks(
    stages: 4, hasQuadrants: true, hasHalfScale: false)

  /// A small model for pictures of `side` pixels, with a head of drawn numbers.
  private static func model(side: Int, _ blocks: FeatureBlocks = every) -> EncoderModel {
    let encoder = EncoderConfiguration(architecture: .resnet18, width: 0.25, stem: .cifar)
    var model = EncoderModel(random: encoder, imageSize: side, seed: 4)
    let filters = EmbeddingFeatures.filters(
      weights: drawn(count * 27, 1), bias: drawn(count, 2), channels: channels)
    let widths =
      [16, 32, 64, 128] + Array(repeating: 2 * count, count: blocks.names.count - blocks.stages)
    model.head = EmbeddingHead(
      filters: filters.weight, filterBias: filters.bias, blocks: blocks,
      weights: widths.enumerated().map { (values: drawn(dimension * $1, 3 + $0), width: $1) },
      offset: drawn(dimension, 20))
    return model
  }

  private static func picture(_ side: Int) -> Raster {
    Raster(
      width: side, height: side,
      pixels: drawn(side * side * 3, 30).map { UInt8(($0 + 1) * 127) })
  }

  /// The means of max(0, ±(w·x + b) − 0.5) over the positions of a part of a normalised picture, by plain loops.
  private static func patchMeans(
    _ pixels: [Float], side: Int, top: Int, left: Int, size: Int
  ) -> [Float] {
    let (weights, bias) = (drawn(count * 27, 1), drawn(count, 2))
    return [Float(1), -1].flatMap { sign in
      (0..<count).map { filter in
        var sum: Float = 0
        for y in top..<top + size - 2 {
          for x in left..<left + size - 2 {
            var product = bias[filter]
            for i in 0..<3 {
              for j in 0..<3 {
                for c in 0..<3 {
                  product +=
                    weights[filter * 27 + (i * 3 + j) * 3 + c]
                    * pixels[((y + i) * side + x + j) * 3 + c]
                }
              }
            }
            sum += max(0, sign * product - 0.5)
          }
        }
        return sum / Float((size - 2) * (size - 2))
      }
    }
  }

  /// A normalised picture at half its size: means of two by two pixels.
  private static func half(_ pixels: [Float], side: Int) -> [Float] {
    let half = side / 2
    return (0..<half * half * 3).map { index in
      let (y, x, c) = (index / (half * 3), index / 3 % half, index % 3)
      return [(0, 0), (0, 1), (1, 0), (1, 1)].reduce(0) {
        $0 + pixels[((2 * y + $1.0) * side + 2 * x + $1.1) * 3 + c] / 4
      }
    }
  }

  /// A part of a picture.
  private static func part(_ pixels: [Float], side: Int, top: Int, left: Int, size: Int) -> [Float]
  {
    (0..<size * size * 3).map { index in
      let (y, x, c) = (index / (size * 3), index / 3 % size, index % 3)
      return pixels[((top + y) * side + left + x) * 3 + c]
    }
  }

  @Test(arguments: [16, 17, 22], [true, false])
  func `the features of patches are those of plain loops`(side: Int, hasQuadrants: Bool) throws {
    let blocks = FeatureBlocks(stages: 4, hasQuadrants: hasQuadrants, hasHalfScale: true)
    let (model, picture) = (Self.model(side: side, blocks), Self.picture(side))
    let head = try #require(model.head)
    let features = try EmbeddingFeatures(
      model, blocks, filters: (head.filters, head.filterBias), batchSize: 3,
      lowering: ReferenceLowering())
    #expect(features.names == blocks.names)
    // Two pictures in a batch of three: the last one is padding, and the first is no part of the second's features.
    let other = Raster(
      width: side, height: side, pixels: [UInt8](repeating: 90, count: side * side * 3))
    let found = try features(count: 2) { $0 == 0 ? other : picture }
    let pixels = EvaluationTransform(side: side)(picture)
    let far = side - side / 2
    let quadrants = [(0, 0), (0, far), (far, 0), (far, far)].map {
      Self.part(pixels, side: side, top: $0.0, left: $0.1, size: side / 2)
    }
    var expected: [[Float]] = []
    for (scaled, size) in [
      (quadrants, side / 2), (quadrants.map { Self.half($0, side: side / 2) }, side / 4),
    ] {
      let parts = scaled.map { Self.patchMeans($0, side: size, top: 0, left: 0, size: size) }
      // Negative control: the quadrants differ.
      #expect(zip(parts[0], parts[3]).contains { abs($0 - $1) > 1e-2 })
      expected.append((0..<4).map { feature in parts.reduce(0) { $0 + $1[feature] } / 4 })
      if hasQuadrants { expected += parts }
    }
    #expect(found.count == 4 + expected.count)
    for (block, expected) in zip(4..., expected) {
      let last = found[block].suffix(features.widths[block])
      #expect(
        zip(last, expected).allSatisfy { abs($0 * $0 - $1) < 1e-4 }, "\(features.names[block])")
    }
    // Negative control: the sizes differ.
    #expect(zip(expected[0], expected[expected.count / 2]).contains { abs($0 - $1) > 1e-2 })
  }

  @Test(arguments: [
    every, ofVersion2, FeatureBlocks(stages: 4, hasQuadrants: false, hasHalfScale: true),
    FeatureBlocks(stages: 4, hasQuadrants: false, hasHalfScale: false),
  ])
  func `the embedding is the head's map of the features, with every engine`(_ parts: FeatureBlocks)
    throws
  {
    let (model, picture) = (Self.model(side: 16, parts), Self.picture(16))
    let head = try #require(model.head)
    let features = try EmbeddingFeatures(
      model, parts, filters: (head.filters, head.filterBias), lowering: ReferenceLowering())
    let blocks = try features(count: 1) { _ in picture }
    let expected = (0..<Self.dimension).map { row in
      zip(blocks, head.weights).reduce(head.offset.values[row]) { sum, part in
        let (block, weight) = part
        return zip(block, weight.values[row * block.count..<(row + 1) * block.count])
          .reduce(sum) { $0 + $1.0 * $1.1 }
      }
    }
    for lowering in [ReferenceLowering(), OneDNNLowering(threads: ThreadBudget(2))]
      as [any Lowering]
    {
      let encoder = try EmbeddingEncoder(model, lowering: lowering)
      #expect(encoder.dimension == Self.dimension)
      let found = try encoder.embed(picture)
      #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-3 * max(1, abs($1)) })
    }
    var bare = model
    bare.head = nil
    #expect(try EmbeddingEncoder(bare, lowering: ReferenceLowering()).embed(picture).count == 128)
  }

  @Test func `a model file keeps the head, and earlier ones have none`() throws {
    let model = Self.model(side: 16)
    let read = try EncoderModel(model.safetensors)
    #expect(read.head == model.head && read.dimension == Self.dimension)
    #expect(read.tensors == model.tensors)
    #expect(model.safetensors.metadata["byol.format"] == "3")
    let earlier = Self.model(side: 16, Self.ofVersion2)
    #expect(earlier.safetensors.metadata["byol.format"] == "2")
    #expect(try EncoderModel(earlier.safetensors).head == earlier.head)
    var bare = model
    bare.head = nil
    #expect(try EncoderModel(bare.safetensors).head == nil)
    #expect(bare.safetensors.metadata["byol.format"] == "1")
    #expect(modelFingerprint(of: bare.safetensors) != modelFingerprint(of: model.safetensors))
  }

  /// A reader of version 2 would leave out the blocks that it does not know.
  @Test
  func `blocks that version 2 has not are refused there, and tensors that no block has always`()
    throws
  {
    func file(_ version: String, _ blocks: FeatureBlocks, side: Int = 16, extra: String? = nil)
      -> Safetensors
    {
      let file = Self.model(side: side, blocks).safetensors
      let more = extra.map {
        CheckpointArray(NamedTensor(name: $0, shape: [5, 4], values: Self.drawn(20, 50)))
      }
      return Safetensors(
        arrays: file.arrays + [more].compactMap(\.self),
        metadata: file.metadata.merging(["byol.format": version]) { $1 })
    }
    #expect(throws: EncoderModelError.self) { try EncoderModel(file("2", Self.every)) }
    let newer = #expect(throws: EncoderModelError.self) { try EncoderModel(file("4", Self.every)) }
    let sentence = try #require(newer).description
    #expect(sentence.contains("“4”") && sentence.contains("1, 2, 3"), "\(sentence)")
    #expect(throws: EncoderModelError.self) {
      try EncoderModel(file("3", Self.every, extra: "head.quadrant5.weight"))
    }
    // Pictures of eight pixels have quadrants of two at half their size: no kernel of three fits.
    #expect(throws: EncoderModelError.self) { try EncoderModel(file("3", Self.every, side: 8)) }
    #expect(!FeatureBlocks.hasHalfScale(side: 11) && FeatureBlocks.hasHalfScale(side: 12))
    #expect(try EncoderModel(file("3", Self.ofVersion2)).head != nil)
    #expect(try EncoderModel(file("3", Self.every)).head != nil)
  }

  @Test(arguments: [
    "head.offset", "head.filters.weight", "head.stage3.weight", "head.quadrant4.weight",
    "head.half_patches.weight", "head.half_quadrant2.weight",
  ])
  func `a file whose head lacks a tensor, or has one of another shape, is refused`(name: String)
    throws
  {
    let file = Self.model(side: 16).safetensors
    let without = Safetensors(
      arrays: file.arrays.filter { $0.name != name }, metadata: file.metadata)
    #expect(throws: EncoderModelError.self) { try EncoderModel(without) }
    let other = Safetensors(
      arrays: file.arrays.map {
        $0.name == name
          ? CheckpointArray(NamedTensor(name: name, shape: [7, 1], values: Self.drawn(7, 40))) : $0
      }, metadata: file.metadata)
    #expect(throws: EncoderModelError.self) { try EncoderModel(other) }
  }
}
