import ArgumentParser
import BYOL
import Embeddings
import Foundation
import Images
import NeuralNetworks
import TensorGraph
import Tensors

/// `byol benchmark encoder`
struct EncoderBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "encoder", abstract: "Measure the encoder that embeddings come from.",
    discussion: """
      In the time: pictures of the encoder's size brought to its input, and its forward pass. Not in it: \
      decoding, the network, compilation, the first two calls. The weights are random. Figures are medians.
      """)

  @Option(help: "resnet18, resnet34, resnet50, resnet101 or resnet152.")
  var encoder = EncoderConfiguration.Architecture.resnet50

  @Option(help: "imagenet or cifar.")
  var stem = EncoderConfiguration.Stem.imagenet

  @Option(help: "Side of the pictures, in pixels.")
  var size = 224

  @Option(help: "Pictures a call.")
  var batch = 16

  @OptionGroup var engine: EngineOptions
  @OptionGroup var measurement: MeasurementOptions

  mutating func validate() throws {
    guard RecipeLimits.imageSize.contains(size), (1...4096).contains(batch) else {
      throw ValidationError(
        "--size must be \(RecipeLimits.imageSize) pixels and --batch 1…4096 pictures.")
    }
  }

  func run() throws {
    let model = EncoderModel(
      random: EncoderConfiguration(architecture: encoder, stem: stem), imageSize: size, seed: 1)
    let network = try EmbeddingEncoder(model, batchSize: batch, lowering: engine.lowering())
    let pixels = (0..<size * size * 3).map { UInt8(truncatingIfNeeded: $0 * 37) }
    let picture = RGBImage(width: size, height: size, pixels: pixels)
    let pictures = Array(repeating: picture, count: batch)
    let median = try measurement.median(warmup: 2) { _ = try network.embed(pictures) }
    let (speed, memory) = (Double(batch) / median, peakMemoryByteCount())
    let precision = try engine.resolvedPrecision.rawValue
    guard measurement.json else {
      return print(
        "\(encoder.rawValue), \(stem.rawValue) stem, \(size) px, batch \(batch), \(precision), "
          + "\(engine.threadsInWords): "
          + String(format: "%.1f img/s, %.2f ms a call, ", speed, median * 1000)
          + "\(memory >> 20) MiB at most")
    }
    print(
      "{\"images_per_second\":\(speed),\"call_seconds\":\(median),"
        + "\"peak_memory_bytes\":\(memory),\"precision\":\"\(precision)\"}")
  }
}
