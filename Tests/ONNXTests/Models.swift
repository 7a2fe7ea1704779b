import Encoders
import Foundation
import Images
import NeuralNetworks
import Randomness
import Tensors

/// A folder that is removed with the value.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.path + "/" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Numbers that look random, in −1…1.
func drawn(_ count: Int, _ lane: Int) -> [Float] {
  var random = RandomStream(seed: 12, purpose: .evaluation, lane: lane)
  return (0..<count).map { _ in random.uniform(in: -1...1) }
}

/// A model of drawn numbers, whose running statistics are those of a network in use, so that one that is left out shows. Its head
/// maps the blocks that are given, or all that there are.
func drawnModel(
  _ encoder: EncoderConfiguration, side: Int, channels: Int = 3, hasHead: Bool,
  blocks: FeatureBlocks = FeatureBlocks(stages: 4, hasQuadrants: true, hasHalfScale: true)
) -> EncoderModel {
  var model = EncoderModel(
    random: encoder, imageSize: side, normalization: Normalization(channels: channels), seed: 3)
  for (index, tensor) in model.tensors.enumerated() where tensor.name.contains("running_") {
    for channel in tensor.values.indices {
      model.tensors[index].values[channel] += Float(channel % 7) / 10
    }
  }
  model.provenance = ["byol.run": "run", "byol.step": "7"]
  guard hasHead else { return model }
  let (count, dimension) = (6, 7)
  let filters = EmbeddingFeatures.filters(
    weights: drawn(count * 9 * channels, 1), bias: drawn(count, 2), channels: channels)
  let widths =
    encoder.network.stageChannels
    + Array(repeating: 2 * count, count: blocks.names.count - blocks.stages)
  model.head = EmbeddingHead(
    filters: filters.weight, filterBias: filters.bias, blocks: blocks,
    weights: widths.enumerated().map { (values: drawn(dimension * $1, 3 + $0), width: $1) },
    offset: drawn(dimension, 30))
  return model
}

/// Pictures of `side` pixels that differ from each other.
func drawnPictures(_ count: Int, side: Int, channels: Int = 3) -> [Raster] {
  (0..<count).map { number in
    let noise = drawn(side * side * channels, 40 + number)
    let pixels = noise.enumerated().map { index, value in
      // Noise on a slope: its upper half is darker than its lower, differently in each picture.
      let row = Float(index / (side * channels)) / Float(side)
      return UInt8(((value + 1) * 0.3 + row * 0.2 * Float(number % 3 + 1)) * 200)
    }
    return Raster(width: side, height: side, channels: channels, pixels: pixels)
  }
}

/// The bytes of a file.
func bytes(of path: String) throws -> [UInt8] {
  Array(try Data(contentsOf: URL(fileURLWithPath: path)))
}
