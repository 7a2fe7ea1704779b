import API
import EmbeddingService
import Foundation
import HTTP
import Identifiers
import Images
import JSONTree
import Runs
import Testing

/// `/v1/embeddings` and `/v1/models`
@Suite struct EmbeddingTests {
  private func world(_ change: (inout EmbeddingQueueLimits) -> Void = { _ in }) async throws
    -> World
  {
    var queue = EmbeddingQueueLimits()
    change(&queue)
    let world = try World(queue: queue)
    let run = try await world.run()
    try world.checkpoint(run, step: 5)
    try world.runs.set(run, .succeeded)
    return world
  }

  private func dataURL(_ image: Raster) throws -> JSONValue {
    .string("data:image/png;base64," + Data(try image.png()).base64EncodedString())
  }

  private func vectors(_ response: Response) throws -> [[Double]] {
    let data = try #require(try response.object()["data"]?.arrayValue)
    return data.map { element in
      (element.objectValue?["embedding"]?.arrayValue ?? []).compactMap(\.doubleValue)
    }
  }

  private func floats(_ bytes: some Collection<UInt8>) -> [Float] {
    let bytes = Array(bytes)
    return stride(from: 0, to: bytes.count, by: 4).map { start in
      let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1) }
      return Float(bitPattern: bits)
    }
  }

  @Test func `one picture's bytes become a vector of length 1`() async throws {
    let world = try await world()
    let response = try await world.call(
      "POST", "/v1/embeddings", headers: ["Content-Type": "image/png"],
      body: try plain(red: 200).png())
    #expect(response.status == 200)
    let vector = try #require(try vectors(response).first)
    #expect(vector.count == 4)
    #expect(abs(vector.reduce(0) { $0 + $1 * $1 } - 1) < 1e-6)
    #expect(abs(vector[0] / vector[1] - 20) < 1e-4)
    #expect(response.headers["X-Model-Fingerprint"] == "print-5")
    #expect(response.headers["X-Model-Precision"] == "float32")
    #expect(try response.object()["precision"] == "float32")
    let timing = try #require(response.headers["Server-Timing"])
    #expect(timing.contains("decode;dur=") && timing.contains("infer;dur="))
  }

  @Test func `the five formats hold the same bits`() async throws {
    let world = try await world()
    let body = try plain(red: 99).png()
    func call(_ accept: String, _ format: String = "float") async throws -> Response {
      try await world.call(
        "POST", "/v1/embeddings", query: [("encoding_format", format)],
        headers: ["Accept": accept], body: body)
    }
    let raw = try await call("application/octet-stream")
    let expected = floats(raw.bytes)
    #expect(raw.headers["X-Embedding-Shape"] == "1,4")
    let text = String(decoding: try await call("*/*").bytes, as: UTF8.self)
    let list = try #require(text.split(separator: "[").last?.split(separator: "]").first)
    #expect(list.split(separator: ",").map { Float($0) } == expected)
    let object = try await call("application/json", "base64").object()
    let base64 = object["data"]?.arrayValue?.first?.objectValue?["embedding"]?.stringValue
    #expect(floats(Array(try #require(Data(base64Encoded: base64 ?? "")))) == expected)
    let npy = try await call("application/x-npy")
    #expect(Array(npy.bytes.prefix(6)) == [0x93] + Array("NUMPY".utf8))
    #expect(floats(npy.bytes.suffix(16)) == expected)
    let lines = try await call("application/x-ndjson")
    #expect(lines.bytes.last == UInt8(ascii: "\n") && lines.headers["X-Model-Fingerprint"] != nil)
    let line = try #require(try JSONValue(parsing: lines.bytes).objectValue)
    #expect(line["index"] == 0 && line["object"] == "embedding")
    #expect(line["embedding"]?.arrayValue?.count == 4)
    #expect((npy.bytes.count - 16) % 64 == 0)
    #expect(String(decoding: npy.bytes, as: UTF8.self).contains("'shape': (1, 4)"))
  }

  @Test func `OpenAI's JSON takes data URLs, one or a list`() async throws {
    let world = try await world()
    let images = try [plain(red: 1), plain(red: 2)].map(dataURL)
    let response = try await world.call(
      "POST", "/v1/embeddings", json: ["input": .array(images), "normalize": false])
    #expect(try vectors(response) == [[1, 10, 20, 1], [2, 10, 20, 1]])
    let one = try await world.call("POST", "/v1/embeddings", json: ["input": images[0]])
    #expect(try vectors(one).count == 1)
    let untold = try await world.call(
      "POST", "/v1/embeddings", headers: ["Content-Type": "application/x-www-form-urlencoded"],
      body: JSONValue.object(["input": images[0]]).encoded)
    #expect(try vectors(untold) == vectors(one))
  }

  @Test func `dimensions are cut first and normalised then`() async throws {
    let world = try await world()
    let response = try await world.call(
      "POST", "/v1/embeddings", json: ["input": try dataURL(plain(red: 0)), "dimensions": 3])
    let vector = try #require(try vectors(response).first)
    #expect(vector.count == 3)
    #expect(abs(vector.reduce(0) { $0 + $1 * $1 } - 1) < 1e-6)
    let tooMany = try await world.call(
      "POST", "/v1/embeddings", json: ["input": try dataURL(plain(red: 0)), "dimensions": 5])
    #expect(tooMany.status == 422)
    #expect(try tooMany.problemFields() == ["dimensions"])
  }

  @Test func `a picture that does not decode is named with its reason`() async throws {
    let world = try await world()
    let bad = JSONValue.string("data:image/png;base64,AAAA")
    let response = try await world.call(
      "POST", "/v1/embeddings", json: ["input": [try dataURL(plain(red: 1)), bad]])
    #expect(response.status == 422)
    #expect(try response.problemCode() == "image_not_decodable")
    let fault = try response.object()["errors"]?.arrayValue?.first?.objectValue
    #expect(fault?["index"] == 1)
    #expect(fault?["code"] == "unsupported_format")
    let cut = try await world.call(
      "POST", "/v1/embeddings", body: Array(try plain(red: 1).png().prefix(50)))
    #expect(try cut.problemCode() == "image_not_decodable")
    let empty = try await world.call("POST", "/v1/embeddings")
    #expect(try empty.problemCode() == "image_not_decodable")
  }

  @Test(
    arguments: [
      (["input": "https://example.org/cat.jpg"], 400, "url_input_disabled"),
      (["input": "cat.jpg"], 422, "invalid_field"), (["input": []], 422, "invalid_field"),
      (["input": [1]], 422, "invalid_field"), ([:], 422, "invalid_field"),
      (["input": "data:image/png;base64,?"], 422, "invalid_field"),
      (["input": "data:,", "encoding": "float"], 422, "invalid_field"),
      (["input": "data:,", "encoding_format": "int8"], 422, "invalid_field"),
    ] as [(JSONValue, Int, String)])
  func `a bad request is refused by name`(body: JSONValue, status: Int, code: String) async throws {
    let response = try await world().call("POST", "/v1/embeddings", json: body)
    #expect(response.status == status)
    #expect(try response.problemCode() == code)
  }

  @Test func `another content type, format or model is refused`() async throws {
    let world = try await world()
    let body = try plain(red: 1).png()
    let form = try await world.call(
      "POST", "/v1/embeddings", headers: ["Content-Type": "multipart/mixed; boundary=x"],
      body: body)
    #expect(form.status == 415)
    let format = try await world.call(
      "POST", "/v1/embeddings", headers: ["Accept": "image/png"], body: body)
    #expect(try format.problemCode() == "not_acceptable")
    for name in ["x", "0199e6a2-6f0c-7c1e-9a55-0c7bb3f1a001"] {
      let model = try await world.call(
        "POST", "/v1/embeddings", query: [("model", name)], body: body)
      #expect(try model.problemCode() == "not_found")
    }
    let print = try await world.call(
      "POST", "/v1/embeddings", headers: ["X-Require-Model-Fingerprint": "other"], body: body)
    #expect(print.status == 412)
    #expect(try print.problemCode() == "fingerprint_mismatch")
  }

  @Test func `a full queue is 429 with Retry-After`() async throws {
    let world = try await world { $0.pictures = 1 }
    let images = try [plain(red: 1), plain(red: 2)].map(dataURL)
    let response = try await world.call(
      "POST", "/v1/embeddings", json: ["input": .array(images)])
    #expect(response.status == 429)
    #expect(try response.problemCode() == "too_many_requests")
    #expect(response.headers["Retry-After"].flatMap { Int($0) } != nil)
    let full = try await world.call("POST", "/v1/embeddings", json: ["input": images[0]])
    #expect(full.status == 200)
    let heavy = try await self.world { $0.byteCount = 10 }
    let bytes = try await heavy.call("POST", "/v1/embeddings", json: ["input": images[0]])
    #expect(bytes.status == 429)
    #expect(try bytes.object()["detail"]?.stringValue?.contains("10 bytes") == true)
  }

  @Test
  func `a picture over its limit is named however it is sent, and a body over its own is 413`()
    async throws
  {
    let world = try World(embedding: { limits in
      limits.image.encodedByteCount = 1000
      limits.bodyByteCount = 2000
    })
    let run = try await world.run()
    try world.checkpoint(run, step: 5)
    try world.runs.set(run, .succeeded)
    let large = [UInt8](repeating: 0xFF, count: 1001)
    let raw = try await world.call("POST", "/v1/embeddings", body: large)
    let text = Data(large).base64EncodedString()
    let json = try await world.call(
      "POST", "/v1/embeddings", json: ["input": .string("data:image/jpeg;base64," + text)])
    for response in [raw, json] {
      #expect(response.status == 422)
      let fault = try response.object()["errors"]?.arrayValue?.first?.objectValue
      #expect(fault?["code"] == "too_many_bytes")
    }
    let body = [UInt8](repeating: 0, count: 2001)
    let over = try await world.call("POST", "/v1/embeddings", body: body)
    #expect(over.status == 413)
  }

  @Test(
    arguments: [
      ("multipart/mixed; boundary=x", "curl -F"), ("text/plain", "no picture"),
      ("video/mp4", "no picture"),
    ])
  func `a body that cannot be a picture is told what to be`(type: String, words: String)
    async throws
  {
    let response = try await world().call(
      "POST", "/v1/embeddings", headers: ["Content-Type": type], body: try plain(red: 1).png())
    #expect(response.status == 415)
    let detail = try #require(try response.object()["detail"]?.stringValue)
    #expect(detail.contains(words) && detail.contains("--data-binary"))
  }
}
