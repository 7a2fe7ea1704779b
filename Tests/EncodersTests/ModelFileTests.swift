import Checkpoints
import EmbeddingService
import Encoders
import Foundation
import Images
import NeuralNetworks
import OneDNNLowering
import TensorGraph
import Tensors
import Testing

/// What is in a model file, and what identifies it.
@Suite struct `Model files` {
  private let arrays = [
    CheckpointArray(
      NamedTensor(name: "conv1.weight", shape: [2, 1, 1, 2], values: [1, -2.5, 0.125, 3])),
    CheckpointArray(NamedTensor(name: "bn1.bias", shape: [2], values: [0, -0.0])),
  ]
  private let metadata = [
    "byol.format": "1", "byol.architecture": "resnet18", "byol.width": "0.25",
    "byol.stem": "cifar", "byol.image_size": "32", "byol.mean": "0.485 0.456 0.406",
    "byol.deviation": "0.229 0.224 0.225", "byol.run": "r", "byol.step": "5",
  ]

  private func fingerprint(_ changes: [String: String?] = [:]) -> String {
    var metadata = metadata
    for (key, value) in changes { metadata[key] = value }
    return modelFingerprint(of: Safetensors(arrays: arrays, metadata: metadata))
  }

  /// Of files written by versions without `format`: the number was computed by another program from the definition.
  @Test func `the fingerprint of a file is what it always was`() {
    let golden = "ca94b2dc8871db46a3e097e9f528b8ba80bf9dc874b724ef53c67a615b645546"
    #expect(fingerprint() == golden)
    #expect(fingerprint(["format": "pt"]) == golden)
    #expect(fingerprint(["byol.run": "other", "byol.step": nil]) == golden)
  }

  @Test func `whatever changes a vector changes the fingerprint`() {
    var seen: Set = [fingerprint()]
    for key in metadata.keys where !["byol.run", "byol.step"].contains(key) {
      #expect(seen.insert(fingerprint([key: "7"])).inserted, "\(key)")
    }
    #expect(seen.insert(fingerprint(["byol.unknown": "7"])).inserted)
    var other = arrays
    other[0] = CheckpointArray(
      NamedTensor(name: "conv1.weight", shape: [2, 2], values: [1, -2.5, 0.125, 3]))
    let file = Safetensors(arrays: other, metadata: metadata)
    #expect(seen.insert(modelFingerprint(of: file)).inserted)
  }

  @Test func `a model file says whose names it has, and reads back`() throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("\(UUID().uuidString).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    var model = EncoderModel(
      random: EncoderConfiguration(architecture: .resnet18, width: 0.25, stem: .cifar),
      imageSize: 32, seed: 3)
    model.provenance = ["byol.run": "r", "byol.step": "5"]
    #expect(model.safetensors.metadata["format"] == "pt")
    try model.safetensors.write(to: path)
    let (read, fingerprint) = try EncoderModel.withFingerprint(reading: path)
    #expect(read.provenance == model.provenance)
    #expect(read.tensors.sorted { $0.name < $1.name } == model.tensors.sorted { $0.name < $1.name })
    #expect(fingerprint == modelFingerprint(of: model.safetensors))
    // One opening is enough for any number of encoders: the file may be gone by then.
    let opened = try OpenedModel(
      reading: path, precision: .float32,
      lowering: OneDNNLowering(threads: ThreadBudget(1), precision: .float32))
    try FileManager.default.removeItem(atPath: path)
    let picture = Raster(width: 40, height: 32, pixels: (0..<40 * 32 * 3).map { UInt8($0 % 251) })
    let vectors = try (0..<2).map { _ in try opened.makeEncoder().embed(picture) }
    #expect(vectors[0] == vectors[1] && vectors[0].count == opened.dimension)
  }
}
