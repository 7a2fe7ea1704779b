import Checkpoints
import Encoders
import Foundation
import Images
import NeuralNetworks
import OneDNNLowering
import PythonInterpreter
import Randomness
import TensorGraph
import Tensors
import Testing

private let hasTorchvision = PythonInterpreter.has("torchvision", "safetensors", "PIL")

/// What torchvision computes from our model files, by the script that the documents name.
@Suite(.enabled(if: hasTorchvision, "BYOL_PYTHON names no interpreter with torchvision"))
struct `Model files in torchvision` {
  @Test(
    arguments: [
      EncoderConfiguration(architecture: .resnet18), .init(architecture: .resnet50),
      .init(architecture: .resnet18, width: 0.25, stem: .cifar),
      .init(architecture: .resnet50, width: 0.5, stem: .cifar),
    ],
    [
      nil, FeatureBlocks(stages: 4, hasQuadrants: true, hasHalfScale: false),
      FeatureBlocks(stages: 4, hasQuadrants: true, hasHalfScale: true),
      FeatureBlocks(stages: 4, hasQuadrants: false, hasHalfScale: true),
    ])
  func `torchvision computes the same vector`(
    _ encoder: EncoderConfiguration, head: FeatureBlocks?
  ) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let (file, picture) = (folder.path + "/model.safetensors", folder.path + "/picture.png")
    var pixels = [UInt8](repeating: 0, count: 64 * 64 * 3)
    for index in pixels.indices { pixels[index] = UInt8(index * index / 7 % 251) }
    let image = Raster(width: 64, height: 64, pixels: pixels)
    let bytes = try image.png()
    try Data(bytes).write(to: URL(fileURLWithPath: picture))
    var model = EncoderModel(
      random: encoder, imageSize: 64, seed: 3)
    model.head = head.map { drawnHead(of: $0, for: encoder) }
    // Running statistics as of a network in use, so that a normalisation left out would show.
    for (index, tensor) in model.tensors.enumerated() where tensor.name.contains("running_") {
      for channel in tensor.values.indices {
        model.tensors[index].values[channel] += Float(channel % 7) / 10
      }
    }
    try model.safetensors.write(to: file)
    let ours = try EmbeddingEncoder(
      modelFile: file, lowering: OneDNNLowering(threads: ThreadBudget(1), precision: .float32)
    ).embed(image)
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Scripts/torchvision_embedding.py").path
    let text = try #require(PythonInterpreter.output([script, file, picture]), "the script failed")
    let theirs = try JSONDecoder().decode([Float].self, from: text)
    #expect(theirs.count == ours.count)
    func product(_ x: [Float], _ y: [Float]) -> Double {
      zip(x, y).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    let cosine =
      product(ours, theirs) / (product(ours, ours) * product(theirs, theirs)).squareRoot()
    #expect(cosine > 1 - 1e-6, "\(cosine)")
  }
}

/// An embedding head of drawn numbers, of seven components.
private func drawnHead(of blocks: FeatureBlocks, for encoder: EncoderConfiguration) -> EmbeddingHead
{
  func drawn(_ count: Int, _ lane: Int) -> [Float] {
    var random = RandomStream(seed: 8, purpose: .evaluation, lane: lane)
    return (0..<count).map { _ in random.uniform(in: -1...1) }
  }
  let count = 6
  let filters = EmbeddingFeatures.filters(
    weights: drawn(count * 27, 1), bias: drawn(count, 2), channels: 3)
  let widths =
    encoder.network.stageChannels
    + Array(repeating: 2 * count, count: blocks.names.count - blocks.stages)
  return EmbeddingHead(
    filters: filters.weight, filterBias: filters.bias, blocks: blocks,
    weights: widths.enumerated().map { (values: drawn(7 * $1, 3 + $0), width: $1) },
    offset: drawn(7, 30))
}
