import Checkpoints
import Durability
import Encoders
import Foundation
import HTTP
import Identifiers
import JSONTree
import NeuralNetworks
import ONNX
import Testing

/// `/v1/runs/{id}/checkpoints/{step}/model.onnx`
@Suite struct `ONNX files over HTTP` {
  private static let names = ["model.onnx", "model-with-preprocessing.onnx"]

  /// A run whose checkpoint of step 5 holds a small model.
  private func world() async throws -> (world: World, run: Identifier, folder: String) {
    let world = try World()
    let id = try await world.run()
    try world.checkpoint(id, step: 5)
    let folder = world.runs.directory(of: id) + "/checkpoints/5"
    let encoder = EncoderConfiguration(architecture: .resnet18, width: 0.25, stem: .cifar)
    var model = EncoderModel(random: encoder, imageSize: 32, seed: 1)
    model.provenance = ["byol.run": id.description, "byol.step": "5"]
    try model.safetensors.write(to: folder + "/model.safetensors")
    return (world, id, folder)
  }

  private func bytes(_ response: Response) throws -> [UInt8] {
    guard case .file(let file, let range) = response.body else {
      Issue.record("The body is no file.")
      return []
    }
    return try file.read(at: range.lowerBound, count: range.count)
  }

  @Test(arguments: names) func `is made when it is asked for, and then kept`(name: String)
    async throws
  {
    let (world, run, folder) = try await world()
    let path = "/v1/runs/\(run)/checkpoints/5"
    func listed() async throws -> [String] {
      let files = try await world.call("GET", path).object()["files"]?.arrayValue ?? []
      return files.compactMap { $0.objectValue?["name"]?.stringValue }
    }
    #expect(try await listed() == ["model.safetensors"])
    let first = try await world.call("GET", "\(path)/\(name)")
    #expect(first.status == 200)
    let contents = try bytes(first)
    let expected = try EncoderModel.onnx(
      reading: folder + "/model.safetensors", takesPixels: name == Self.names[1])
    #expect(contents.count == expected.byteCount)
    #expect(try DiskFileSystem().read("\(folder)/\(name)") == contents)
    #expect(try await listed() == ["model.safetensors", name])

    let tag = try #require(first.headers["ETag"])
    #expect(tag == "\"\(SHA256.hexDigest(of: contents))\"")
    let known = try await world.call("GET", "\(path)/\(name)", headers: ["If-None-Match": tag])
    #expect(known.status == 304)
    let part = try await world.call("GET", "\(path)/\(name)", headers: ["Range": "bytes=0-1"])
    #expect(part.status == 206)
    #expect(try bytes(part) == Array(contents.prefix(2)))
    // The file that is there is served: it is not made again.
    try Data("kept".utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    #expect(try bytes(try await world.call("GET", "\(path)/\(name)")) == Array("kept".utf8))
  }

  @Test func `many who ask at once get the same file`() async throws {
    let (world, run, folder) = try await world()
    let tags = try await withThrowingTaskGroup(of: String?.self) { group in
      for _ in 0..<8 {
        group.addTask {
          try await world.call("GET", "/v1/runs/\(run)/checkpoints/5/model.onnx").headers["ETag"]
        }
      }
      return try await group.reduce(into: Set<String?>()) { $0.insert($1) }
    }
    #expect(tags.count == 1 && tags.first != .some(nil))
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == [
        "model.onnx", "model.safetensors",
      ])
  }

  @Test(arguments: ["0/model.onnx", "6/model.onnx", "5/other.onnx", "5/model.onnx.writing"])
  func `where there is no model there is no file, and none is made`(file: String) async throws {
    let (world, run, folder) = try await world()
    try world.checkpoint(run, step: 0)
    let response = try await world.call("GET", "/v1/runs/\(run)/checkpoints/\(file)")
    #expect(response.status == 404)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder) == ["model.safetensors"])
  }

  @Test func `a model that cannot be read is told, and leaves nothing`() async throws {
    let (world, run, folder) = try await world()
    try Data("damaged".utf8).write(to: URL(fileURLWithPath: folder + "/model.safetensors"))
    let response = try await world.call("GET", "/v1/runs/\(run)/checkpoints/5/model.onnx")
    #expect(response.status == 500)
    #expect(try response.problemCode() == "model_not_loadable")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder) == ["model.safetensors"])
  }
}
