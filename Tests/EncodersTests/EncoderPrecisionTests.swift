import Datasets
import Encoders
import Foundation
import Images
import NeuralNetworks
import OneDNNLowering
import ReferenceLowering
import TensorGraph
import Tensors
import Testing

/// What an encoder computes in each precision, on how many threads, with how many pictures at once.
@Suite struct EncoderPrecisionTests {
  /// What cosine the embeddings of the two precisions have at least.
  static let cosine = 0.999

  private static let precisions = Precision.allCases.filter {
    $0 == .float32 || OneDNNLowering.bestPrecision == $0
  }

  private func lowering(_ precision: Precision, threads: Int = 1) -> OneDNNLowering {
    OneDNNLowering(threads: ThreadBudget(threads), precision: precision)
  }

  /// A network whose statistics are those of a network in use: neither all 0 nor all 1.
  private func model(
    _ architecture: EncoderConfiguration.Architecture, width: Double = 1, side: Int = 64,
    channels: Int = 3
  ) -> EncoderModel {
    var model = EncoderModel(
      random: EncoderConfiguration(architecture: architecture, width: width), imageSize: side,
      normalization: Normalization(channels: channels), seed: 3)
    // Only the vectors per channel are changed: a loop over all weights would take longer than the tests.
    for (place, tensor) in model.tensors.enumerated() {
      let (isMean, isVariance) = (
        tensor.name.hasSuffix("running_mean"), tensor.name.hasSuffix("running_var")
      )
      let isBias = tensor.name.contains("bn") && tensor.name.hasSuffix("bias")
      guard isMean || isVariance || isBias else { continue }
      for index in tensor.values.indices {
        let wave = Float((index * 7 + place * 3) % 11) / 10 - 0.5
        model.tensors[place].values[index] = isMean ? wave / 5 : isVariance ? 1 + wave : wave / 10
      }
    }
    return model
  }

  private func drawn(_ count: Int) -> [Raster] {
    let pictures = DemoPictures(seed: 5, side: 70)
    return (0..<count).map { pictures.picture(at: $0) }
  }

  @Test func `a folded encoder agrees with the reference`() throws {
    let model = model(.resnet18, width: 0.25, side: 32)
    let picture = drawn(1)[0]
    let expected = try EmbeddingEncoder(model, lowering: ReferenceLowering()).embed(picture)
    let vector = try EmbeddingEncoder(model, lowering: lowering(.float32)).embed(picture)
    #expect(Self.agreement(vector, expected) > 1 - 1e-9)
    for (value, want) in zip(vector, expected) { #expect(abs(value - want) < 1e-4 * max(1, want)) }
  }

  /// One channel and many take other kernels in the first layer than three.
  @Test(arguments: EncoderPrecisionTests.precisions, [1, 2, 5, 16])
  func `an encoder of other channels agrees with the reference`(
    _ precision: Precision, channels: Int
  ) throws {
    let model = model(.resnet18, width: 0.25, side: 32, channels: channels)
    let bytes = drawn(channels).flatMap(\.pixels)
    let picture = Raster(
      width: 70, height: 70, channels: channels, pixels: Array(bytes.prefix(70 * 70 * channels)))
    let expected = try EmbeddingEncoder(model, lowering: ReferenceLowering()).embed(picture)
    let vector = try EmbeddingEncoder(model, lowering: lowering(precision)).embed(picture)
    #expect(Self.agreement(vector, expected) > (precision == .float32 ? 1 - 1e-9 : Self.cosine))
    #expect(throws: ImageError.self) {
      try EmbeddingEncoder(model, lowering: lowering(precision)).embed(drawn(1)[0])
    }
    let read = try EncoderModel(model.safetensors)
    #expect(read.normalization == model.normalization && read.tensors == model.tensors)
  }

  /// What the promise of equal bits rests on: a kernel sums a pixel's products in the same order whatever the
  /// number of pictures and of threads.
  @Test(
    arguments: EncoderPrecisionTests.precisions,
    [
      EncoderConfiguration.Architecture.resnet18, .resnet50,
    ])
  func `a picture's bits are the same alone, in a batch and on any number of threads`(
    _ precision: Precision, architecture: EncoderConfiguration.Architecture
  ) throws {
    let model = model(architecture)
    let pictures = drawn(5)
    let alone = try EmbeddingEncoder(model, lowering: lowering(precision))
    let expected = try pictures.map { try alone.embed($0) }
    #expect(Set(expected).count == pictures.count)
    for (batchSize, threads) in [(1, 2), (5, 1), (4, 2)] {
      let encoder = try EmbeddingEncoder(
        model, batchSize: batchSize, lowering: lowering(precision, threads: threads))
      #expect(try encoder.embed(pictures) == expected, "\(batchSize) on \(threads) threads")
    }
  }

  @Test(arguments: EncoderPrecisionTests.precisions)
  func `a run copies no weights and adds residuals where they lie`(_ precision: Precision) throws {
    let encoder = try EmbeddingEncoder(model(.resnet50), lowering: lowering(precision))
    var counts: [String: Int] = [:]
    for step in encoder.steps { counts[step.name, default: 0] += 1 }
    #expect(counts == ["convolutionWithBias": 53, "maxPool": 1, "globalAveragePool": 1])
  }

  @Test(
    .enabled(
      if: OneDNNLowering.bestPrecision == .bfloat16, "this processor does not multiply bfloat16"),
    arguments: [EncoderConfiguration.Architecture.resnet18, .resnet50])
  func `bfloat16 gives nearly the same embeddings of drawn pictures`(
    _ architecture: EncoderConfiguration.Architecture
  ) throws {
    #expect(try least(model(architecture), drawn(6)) >= EncoderPrecisionTests.cosine)
  }

  @Test(
    .enabled(
      if: OneDNNLowering.bestPrecision == .bfloat16
        && ProcessInfo.processInfo.environment["BYOL_TEST_DATA"] != nil,
      "needs bfloat16, and BYOL_TEST_DATA naming the folder with eurosat-50mb.tar.gz"))
  func `bfloat16 gives nearly the same embeddings of real pictures`() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    let data = ProcessInfo.processInfo.environment["BYOL_TEST_DATA"] ?? ""
    _ = try admit(
      source: DatasetSource(path: data + "/eurosat-50mb.tar.gz"), into: folder.path, threads: 2)
    let pack = try Pack(directory: folder.path)
    let pictures = try (0..<64).map { try pack.image(at: $0 * 200) }
    #expect(try least(model(.resnet18), pictures) >= EncoderPrecisionTests.cosine)
    #expect(try least(model(.resnet50), pictures) >= EncoderPrecisionTests.cosine)
  }

  /// The least cosine between the two precisions' embeddings of a picture.
  private func least(_ model: EncoderModel, _ pictures: [Raster]) throws -> Double {
    let wide = try EmbeddingEncoder(model, lowering: lowering(.float32)).embed(pictures)
    let narrow = try EmbeddingEncoder(model, lowering: lowering(.bfloat16)).embed(pictures)
    #expect(wide != narrow)
    return zip(wide, narrow).map { Self.agreement($0, $1) }.min() ?? 0
  }

  /// The cosine of two vectors.
  static func agreement(_ a: [Float], _ b: [Float]) -> Double {
    func product(_ x: [Float], _ y: [Float]) -> Double {
      zip(x, y).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    return product(a, b) / (product(a, a) * product(b, b)).squareRoot()
  }
}
