import Datasets
import Foundation
import Images
import JSONTree
import Testing

/// Pictures of one and of five channels through the real service: admitted, shown, learned from, embedded.
@Suite(.timeLimit(.minutes(5))) struct PlanesTests {
  /// The drawn pictures' channels over and over, as NumPy writes them.
  private func planes(_ index: Int, channels: Int) -> [UInt8] {
    let picture = DemoPictures(seed: 7, side: 32).picture(at: index)
    let text = "{'descr': '|u1', 'fortran_order': False, 'shape': (32, 32, \(channels)), }\n"
    var bytes = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count), 0] + Array(text.utf8)
    for first in stride(from: 0, to: picture.pixels.count, by: 3) {
      bytes += (0..<channels).map { picture.pixels[first + $0 % 3] }
    }
    return bytes
  }

  @Test func `views of files that differ in their channels are refused in words`() throws {
    let folder = try FreshFolder()
    let files = ["/1.npy", "/5.npy"].map { folder.path + $0 }
    for (file, channels) in zip(files, [1, 5]) {
      try Data(planes(0, channels: channels)).write(to: URL(fileURLWithPath: file))
    }
    let output = ["views", "--image-size", "16", "--output", folder.path + "/views.png"]
    let (status, text) = try ServiceProcess.run(output + files)
    #expect(status != 0 && text.contains("differ in their channels"))
    #expect(try ServiceProcess.run(output + files.suffix(1)).status == 0)
    let shown = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/views.png"))
    #expect(try decode(Array(shown)).height == 16)
  }

  @Test(arguments: [1, 5])
  func `planes are admitted, shown, learned from and embedded`(channels: Int) async throws {
    let folder = try FreshFolder()
    let service = try await ServiceProcess(data: folder.path)
    let files = (0..<64).map { ("train/\($0 % 2)/\($0).npy", planes($0, channels: channels)) }
    let upload = try await service.call(
      "POST", "/v1/datasets", type: "application/x-tar", body: archive(files))
    #expect(upload.status == 201)
    let dataset = try upload.object()
    let id = try #require(dataset["id"]?.stringValue)
    #expect(dataset["pictures"] == 64 && dataset["channels"] == .integer(Int64(channels)))

    let views = try await service.call(
      "POST", "/v1/datasets/\(id)/views", type: "application/json", body: Array("{}".utf8))
    #expect(views.status == 200 && views.headers["content-type"] == "image/png")
    let picture = try await service.call("GET", "/v1/datasets/\(id)/images/3")
    #expect(try decode(picture.bytes) == decode(planes(3, channels: channels)).shown)

    var body: JSONObject = [
      "dataset": .string(id), "epochs": 2, "batch_size": 16, "image_size": 16, "stem": "cifar",
      "width": 0.25, "projector_hidden": 32, "projector_output": 16, "predictor_hidden": 32,
    ]
    body["augmentations"] = ["normalization": ["mean": [0.5, 0.5]]]
    let refused = try await service.call("POST", "/v1/runs", body: JSONValue.object(body).encoded)
    #expect(refused.status == 422)
    let faults = try refused.object()["errors"]?.arrayValue?.compactMap { $0.objectValue?["field"] }
    #expect(faults == ["augmentations.normalization.mean"])
    body["augmentations"] = nil
    let created = try await service.call("POST", "/v1/runs", body: JSONValue.object(body).encoded)
    #expect(created.status == 201)
    let run = try #require(try created.object()["id"]?.stringValue)
    try await service.wait(for: run, state: "succeeded")

    let answer = try await service.call(
      "POST", "/v1/embeddings?model=\(run)", type: "application/x-npy",
      body: planes(3, channels: channels))
    #expect(answer.status == 200)
    let vector = try answer.object()["data"]?.arrayValue?.first?.objectValue?["embedding"]
    #expect(vector?.arrayValue?.count == 32)
    let other = try await service.call(
      "POST", "/v1/embeddings?model=\(run)", type: "image/png",
      body: try DemoPictures(seed: 7).picture(at: 1).png())
    #expect(other.status == 422)
    #expect(String(decoding: other.bytes, as: UTF8.self).contains("other_channels"))
    #expect(service.end(SIGTERM) == 0)
  }
}
