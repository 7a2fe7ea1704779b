import Datasets
import Evaluation
import Images
import NeuralNetworks
import OneDNNLowering
import Randomness
import TensorGraph
import Tensors
import Testing

@testable import Encoders

/// What bfloat16 may change in the embeddings of models whose head magnifies what varies little (decision 0041).
@Suite struct HeadPrecisionTests {
  private static let side = 32
  /// Pictures that the head is fitted to, and those that are embedded.
  private static let (fitted, embedded) = (256, 200)

  @Test(
    .enabled(
      if: OneDNNLowering.bestPrecision == .bfloat16, "this processor does not multiply bfloat16"))
  func
    `every picture's embedding in bfloat16 has a cosine of 0.999 at least with the one in float32`()
    throws
  {
    let model = try Self.model()
    let usual = try Self.cosines(model, EncoderProgram.preciseConvolutions)
    #expect(usual.count == Self.embedded)
    #expect(try #require(usual.min()) >= EncoderPrecisionTests.cosine)
    // Negative control: with nothing but the head in float32 pictures fall below the bound.
    let bare = try Self.cosines(model, 0)
    #expect(try #require(bare.min()) < EncoderPrecisionTests.cosine)
  }

  @Test func `a lowering that stores float32 computes the same bits in one program`() throws {
    let model = try Self.model()
    let picture = Self.picture(1)
    let lowering = Self.lowering(.float32)
    let usual = try EmbeddingEncoder(model, lowering: lowering)
    let whole = try EmbeddingEncoder(model, lowering: lowering, preciseConvolutions: 0)
    #expect(try usual.embed(picture) == whole.embed(picture))
    #expect(usual.steps.count == whole.steps.count)
  }

  @Test(
    .enabled(
      if: OneDNNLowering.bestPrecision == .bfloat16, "this processor does not multiply bfloat16"))
  func `a picture's bits are the same alone and in a batch, and the steps are told in their order`()
    throws
  {
    let model = try Self.model()
    let alone = try EmbeddingEncoder(model, lowering: Self.lowering(.bfloat16))
    let pictures = (0..<3).map { Self.picture($0) }
    let expected = try pictures.map { try alone.embed($0) }
    let together = try EmbeddingEncoder(
      model, batchSize: 3, lowering: OneDNNLowering(threads: ThreadBudget(2), precision: .bfloat16))
    #expect(try together.embed(pictures) == expected)
    var told: [Int] = []
    _ = try alone.represent(alone.prepared([pictures[0]])) { told.append($0) }
    #expect(told == Array(alone.steps.indices))
  }

  /// The cosines between the embeddings in both precisions.
  private static func cosines(_ model: EncoderModel, _ precise: Int) throws -> [Double] {
    let pictures = (fitted..<fitted + embedded).map { picture($0) }
    let wide = try EmbeddingEncoder(model, lowering: lowering(.float32)).embed(pictures)
    let narrow = try EmbeddingEncoder(
      model, lowering: lowering(.bfloat16), preciseConvolutions: precise
    ).embed(pictures)
    return zip(wide, narrow).map { EncoderPrecisionTests.agreement($0, $1) }
  }

  private static func lowering(_ precision: Precision) -> OneDNNLowering {
    OneDNNLowering(threads: ThreadBudget(1), precision: precision)
  }

  /// A drawn picture of little contrast.
  private static func picture(_ index: Int) -> Raster {
    let drawn = DemoPictures(seed: 5, side: side).picture(at: index)
    return Raster(
      width: side, height: side, pixels: drawn.pixels.map { UInt8(128 + (Int($0) - 128) / 4) })
  }

  /// A network whose blocks begin as the identity, as residual networks often do, with a head that whitens what its first
  /// stage says: that is what the first convolution made of the picture.
  private static func model() throws -> EncoderModel {
    var model = EncoderModel(
      random: EncoderConfiguration(architecture: .resnet18, width: 0.25, stem: .cifar),
      imageSize: side, seed: 4)
    for index in model.tensors.indices where model.tensors[index].name.hasSuffix("bn2.weight") {
      model.tensors[index].values = model.tensors[index].values.map { _ in 0 }
    }
    var random = RandomStream(seed: 9, purpose: .evaluation, lane: 0)
    let filters = EmbeddingFeatures.filters(
      weights: (0..<27).map { _ in random.uniform(in: -1...1) }, bias: [0], channels: 3)
    let parts = FeatureBlocks(stages: 4, hasQuadrants: true, hasHalfScale: true)
    let features = try EmbeddingFeatures(
      model, parts, filters: filters, lowering: lowering(.float32))
    let blocks = try features(count: fitted) { picture($0) }
    let projection = try WhitenedProjection(
      fittedTo: blocks.indices.map { block in
        WhitenedProjection.Block(
          features: blocks[block], width: features.widths[block],
          weight: features.names[block] == "stage1" ? 1 : 0)
      }, dimension: 16, threads: ThreadBudget(1))
    model.head = EmbeddingHead(
      filters: filters.weight, filterBias: filters.bias, blocks: parts,
      weights: zip(projection.weights, features.widths).map { (values: $0, width: $1) },
      offset: projection.offset)
    return model
  }
}
