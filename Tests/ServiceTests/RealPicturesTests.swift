import Foundation
import JSONTree
import Testing

/// The folder of real pictures, if the environment names one.
private let testData = ProcessInfo.processInfo.environment["BYOL_TEST_DATA"]

/// Real pictures through the real service; skipped where `BYOL_TEST_DATA` names no folder.
@Suite(.enabled(if: testData != nil, "BYOL_TEST_DATA names no folder of real pictures."))
struct RealPicturesTests {
  @Test func `satellite pictures are uploaded, trained on, stopped and embedded`() async throws {
    let folder = try FreshFolder()
    let service = try await ServiceProcess(data: folder.path)
    let archive = URL(fileURLWithPath: try #require(testData) + "/eurosat-50mb.tar.gz")
    let upload = try await service.call(
      "POST", "/v1/datasets?name=eurosat", type: "application/gzip",
      body: Array(try Data(contentsOf: archive)))
    #expect(upload.status == 201)
    let dataset = try upload.object()
    let id = try #require(dataset["id"]?.stringValue)
    #expect(dataset["labels"]?.objectValue?.members.count == 10)
    #expect(dataset["median_short_side"] == 64)
    #expect(dataset["report"]?.objectValue?["rejected_count"] == 0)
    let test = try #require(dataset["splits"]?.objectValue?["test"]?.integerValue)
    let training = try #require(dataset["training_pictures"]?.integerValue)
    #expect(test > 0 && training > test)
    #expect(dataset["pictures"]?.integerValue == training + test)

    let body: JSONValue = [
      "dataset": .string(id), "epochs": 10, "batch_size": 16, "image_size": 32, "width": 0.25,
      "projector_hidden": 64, "predictor_hidden": 64,
    ]
    let run = try #require(
      try await service.call("POST", "/v1/runs", body: body.encoded).object()["id"]?.stringValue)
    try await service.wait(for: run, step: 3)
    _ = try await service.call("POST", "/v1/runs/\(run)/stop")
    try await service.wait(for: run, state: "stopped")
    let picture = try await service.call("GET", "/v1/datasets/\(id)/images/0")
    let answer = try await service.call(
      "POST", "/v1/embeddings", type: "image/png", body: picture.bytes)
    #expect(answer.status == 200)
    #expect(try await service.call("DELETE", "/v1/datasets/\(id)").status == 204)
    #expect(service.end(SIGTERM) == 0)
  }
}
