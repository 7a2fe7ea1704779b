import API
import Checkpoints
import EmbeddingService
import Encoders
import Foundation
import HTTP
import Images
import JSONTree
import ModelLibrary
import NeuralNetworks
import Tensors
import Testing

/// Models that are sent.
@Suite struct ModelUploadTests {
  private let encoder = EncoderConfiguration(architecture: .resnet18, width: 0.25, stem: .cifar)

  /// A file of drawn weights as PyTorch's users write it: without our metadata, with a classifier and counters.
  private func foreign(_ change: (inout [CheckpointArray]) -> Void = { _ in }) throws -> [UInt8] {
    var arrays = EncoderModel(random: encoder, imageSize: 32, seed: 1).tensors
      .map(CheckpointArray.init)
    arrays.append(CheckpointArray(name: "fc.bias", shape: [3], values: .float32([1, 2, 3])))
    arrays.append(
      CheckpointArray(name: "bn1.num_batches_tracked", shape: [], values: .int64([7])))
    change(&arrays)
    return try bytes(Safetensors(arrays: arrays, metadata: ["format": "pt"]))
  }

  private func bytes(_ file: Safetensors) throws -> [UInt8] {
    let path = NSTemporaryDirectory() + "upload-\(UUID())"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try file.write(to: path)
    return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  private func upload(
    _ world: World, _ body: [UInt8], query: [(name: String, value: String)] = [("name", "theirs")]
  ) async throws -> Response {
    try await world.call(
      "POST", "/v1/models", query: query, headers: ["Content-Type": "application/octet-stream"],
      body: body)
  }

  @Test func `a ResNet of another program becomes a model of this one`() async throws {
    let world = try World()
    let made = try await upload(
      world, try foreign(),
      query: [
        ("name", "theirs"), ("image_size", "64"), ("mean", "0.5,0.4,0.3"),
        ("deviation", "0.2,0.2,0.25"),
      ])
    #expect(made.status == 201)
    let id = try #require(try made.object()["id"]?.stringValue)
    #expect(made.headers["Location"] == "/v1/models/\(id)")
    #expect(try made.object()["source"] == "upload")
    let stored = try EncoderModel(reading: world.folder + "/models/\(id)/model.safetensors")
    let drawn = EncoderModel(random: encoder, imageSize: 64, seed: 1)
    #expect(stored.encoder == encoder && stored.imageSize == 64)
    #expect(stored.normalization.mean == [0.5, 0.4, 0.3])
    #expect(
      Dictionary(uniqueKeysWithValues: stored.tensors.map { ($0.name, $0.values) })
        == Dictionary(uniqueKeysWithValues: drawn.tensors.map { ($0.name, $0.values) }))
    for name in ["theirs", id] {
      let answer = try await world.call(
        "POST", "/v1/embeddings", query: [("model", name)], body: try plain(red: 1).png())
      #expect(answer.status == 200 && answer.headers["X-Model"] == id)
    }
    let body: JSONValue = ["checkpoint": "theirs"]
    #expect(try await world.call("PUT", "/v1/models/first", json: body).status == 201)
    #expect(try await world.call("DELETE", "/v1/models/theirs").problemCode() == "model_in_use")
    #expect(try await world.call("DELETE", "/v1/models/first").status == 204)
    #expect(try await world.call("DELETE", "/v1/models/theirs").status == 204)
    #expect(try world.keptModels.isEmpty)
  }

  @Test func `a model of this program is taken as it is`() async throws {
    let world = try World()
    let model = EncoderModel(random: encoder, imageSize: 40, seed: 2)
    let made = try await upload(world, try bytes(model.safetensors))
    #expect(made.status == 201)
    let refused = try await upload(
      world, try bytes(model.safetensors), query: [("name", "x"), ("image_size", "64")])
    #expect(try refused.problemCode() == "model_rejected")
    #expect(try world.keptModels.count == 1)
  }

  @Test func `what does not fit is named tensor by tensor`() async throws {
    let world = try World()
    let refused = try await upload(
      world,
      try foreign { arrays in
        arrays.removeAll { ["layer1.0.conv1.weight", "layer2.0.bn1.bias"].contains($0.name) }
        arrays.append(CheckpointArray(name: "layer9.weight", shape: [1], values: .float32([1])))
        let index = arrays.firstIndex { $0.name == "layer3.0.conv1.weight" } ?? 0
        arrays[index] = CheckpointArray(
          name: "layer3.0.conv1.weight", shape: [2, 2], values: .float32([1, 2, 3, 4]))
      })
    #expect(refused.status == 422)
    #expect(try refused.problemCode() == "model_rejected")
    #expect(
      try refused.problemFields() == [
        "layer1.0.conv1.weight", "layer2.0.bn1.bias", "layer3.0.conv1.weight", "layer9.weight",
      ])
    #expect(try world.keptModels.isEmpty)
  }

  @Test(arguments: [
    ("no bytes", [UInt8](), "empty"),
    ("no safetensors", Array("PK\u{3}\u{4} a zip of PyTorch's".utf8), "no safetensors file"),
    ("a header that is too long", [255, 255, 255, 255, 255, 255, 0, 0, 1], "no safetensors file"),
    (
      "another type",
      header(#"{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}"#) + [0, 0], "BF16"
    ),
    (
      "a file that ends early", header(#"{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}"#),
      "whole"
    ),
    (
      "no network",
      header(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#) + [0, 0, 0, 0],
      "conv1.weight"
    ),
  ])
  func `what is no model is refused with its reason, and nothing stays`(
    name: String, body: [UInt8], word: String
  ) async throws {
    let world = try World()
    let refused = try await upload(world, body)
    #expect(refused.status == 422, "\(name)")
    let detail = try refused.object()["detail"]?.stringValue ?? ""
    #expect(detail.contains(word), "\(name): \(detail)")
    #expect(try world.keptModels.isEmpty)
  }

  @Test(arguments: [
    [("name", "")], [], [("name", "x"), ("image_size", "7")],
    [("name", "x"), ("mean", "0.5,0.5,0.5")],
    [("name", "x"), ("mean", "a,b,c"), ("deviation", "1,1,1")],
    [("name", "x"), ("mean", "0.5,2,0.5"), ("deviation", "1,1,1")],
    [("name", "x"), ("mean", "0.5,0.5,0.5"), ("deviation", "0,1,1")],
  ])
  func `parameters that mean nothing are refused`(_ query: [(String, String)]) async throws {
    let world = try World()
    let named = query.map { (name: $0.0, value: $0.1) }
    #expect(try await upload(world, try foreign(), query: named).status == 400, "\(query)")
  }

  @Test func `pictures of other channels than the network's, or too small for it, are told`()
    async throws
  {
    let world = try World()
    let gray = try await upload(
      world, try foreign(), query: [("name", "x"), ("mean", "0.5"), ("deviation", "0.2")])
    #expect(try gray.object()["detail"]?.stringValue?.contains("3 channels") == true)
    let imagenet = EncoderConfiguration(architecture: .resnet18, width: 0.25)
    let arrays = EncoderModel(random: imagenet, imageSize: 32, seed: 1).tensors
    let small = try await upload(
      world, try bytes(Safetensors(arrays: arrays.map(CheckpointArray.init))),
      query: [("name", "x"), ("image_size", "16")])
    #expect(try small.object()["detail"]?.stringValue?.contains("too small") == true)
  }

  @Test func `bodies of another type are refused, and a file beyond the limit is cut off`()
    async throws
  {
    let world = try World()
    for type in ["application/json", "image/png", "multipart/form-data; boundary=b"] {
      let other = try await world.call(
        "POST", "/v1/models", query: [("name", "x")], headers: ["Content-Type": type],
        body: try foreign())
      #expect(other.status == 415, "\(type)")
    }
    let untold = try await world.call(
      "POST", "/v1/models", query: [("name", "x")],
      headers: ["Content-Type": "application/x-www-form-urlencoded"], body: try foreign())
    #expect(untold.status == 201)
    var limits = ModelLibraryLimits()
    limits.fileByteCount = 1000
    let library = try ModelLibrary(
      directory: world.folder + "/other", loader: fakeLoader, limits: limits)
    await #expect(throws: ModelLibraryError.tooLarge(limit: 1000)) {
      try await library.upload(
        RequestBody([UInt8](repeating: 0, count: 1001)), ModelDescription(name: "x"))
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: world.folder + "/other") == [])
  }

  @Test func `what a crash left behind is gone at the next start`() async throws {
    let world = try World()
    _ = try await upload(world, try foreign())
    let folder = world.folder + "/models"
    try FileManager.default.createDirectory(
      atPath: folder + "/.incoming-1", withIntermediateDirectories: false)
    let reopened = try ModelLibrary(directory: folder, loader: fakeLoader)
    #expect(await reopened.uploads.map(\.name) == ["theirs"])
    #expect(try world.keptModels.count == 1)
  }
}

/// A safetensors header.
private func header(_ text: String) -> [UInt8] {
  let bytes = Array(text.utf8)
  return (0..<8).map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) } + bytes
}
