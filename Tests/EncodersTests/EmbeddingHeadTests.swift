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

  /// A small model for pictures of `side` pixels, with a head of drawn numbers.
  private static func model(side: Int) -> EncoderModel {
    let encoder = EncoderConfiguration(architecture: .resnet18, width: 0.25, stem: .cifar)
    var model = EncoderModel(random: encoder, imageSize: side, seed: 4)
    let filters = EmbeddingFeatures.filters(
      weights: drawn(count * 27, 1), bias: drawn(count, 2), channels: channels)
    let widths = [16, 32, 64, 128] + Array(repeating: 2 * count, count: 5)
    model.head = EmbeddingHead(
      filters: filters.weight, filterBias: filters.bias,
      weights: widths.enumerated().map { (values: drawn(dimension * $1, 3 + $0), width: $1) },
      offset: drawn(dimension, 20), stages: 4)
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

  @Test(arguments: [16, 17]) func `the features of patches are those of plain loops`(side: Int)
    throws
  {
    let (model, picture) = (Self.model(side: side), Self.picture(side))
    let head = try #require(model.head)
    let features = try EmbeddingFeatures(
      model, filters: (head.filters, head.filterBias), batchSize: 3, lowering: ReferenceLowering())
    #expect(features.names == EmbeddingHead.blockNames(stages: 4))
    // Two pictures in a batch of three: the last one is padding, and the first is no part of the second's features.
    let other = Raster(
      width: side, height: side, pixels: [UInt8](repeating: 90, count: side * side * 3))
    let blocks = try features(count: 2) { $0 == 0 ? other : picture }
    let pixels = EvaluationTransform(side: side)(picture)
    let half = side / 2
    let corners = [(0, 0), (0, side - half), (side - half, 0), (side - half, side - half)]
    let parts = corners.map {
      Self.patchMeans(pixels, side: side, top: $0.0, left: $0.1, size: half)
    }
    let whole = (0..<4).map { feature in parts.reduce(0) { $0 + $1[feature] } / 4 }
    for (block, expected) in zip(4..., [whole] + parts) {
      let found = blocks[block].suffix(features.widths[block])
      #expect(
        zip(found, expected).allSatisfy { abs($0 * $0 - $1) < 1e-4 }, "\(features.names[block])")
    }
    // Negative control: the quadrants differ.
    #expect(zip(parts[0], parts[3]).contains { abs($0 - $1) > 1e-2 })
  }

  @Test func `the embedding is the head's map of the features, with every engine`() throws {
    let (model, picture) = (Self.model(side: 16), Self.picture(16))
    let head = try #require(model.head)
    let features = try EmbeddingFeatures(
      model, filters: (head.filters, head.filterBias), lowering: ReferenceLowering())
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
    var bare = model
    bare.head = nil
    #expect(try EncoderModel(bare.safetensors).head == nil)
    #expect(bare.safetensors.metadata["byol.format"] == "1")
    #expect(modelFingerprint(of: bare.safetensors) != modelFingerprint(of: model.safetensors))
  }

  @Test(arguments: [
    "head.offset", "head.filters.weight", "head.stage3.weight", "head.quadrant4.weight",
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
