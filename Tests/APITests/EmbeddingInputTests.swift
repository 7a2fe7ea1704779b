import API
import Foundation
import HTTP
import Images
import JSONTree
import Runs
import Testing

/// Pictures as text in JSON, as programs write them.
@Suite struct EmbeddingInputTests {
  private func world() async throws -> World {
    let world = try World()
    let run = try await world.run()
    try world.checkpoint(run, step: 5)
    try world.runs.set(run, .succeeded)
    return world
  }

  /// A picture whose base64 has both digits that the URL-safe alphabet writes otherwise, and padding.
  private static let picture: [UInt8] = {
    for red in UInt8(0)...255 {
      guard let bytes = try? plain(red: red).png() else { continue }
      let text = Data(bytes + [0xFB, 0xEF, 0xFF, 0]).base64EncodedString()
      if text.contains("+"), text.contains("/"), text.hasSuffix("=") {
        return bytes + [0xFB, 0xEF, 0xFF, 0]
      }
    }
    return []
  }()

  private static let base64 = Data(picture).base64EncodedString()
  private static let unpadded = base64.replacing("=", with: "")
  private static let urlSafe = base64.replacing("+", with: "-").replacing("/", with: "_")
  private static let wrapped = Data(picture)
    .base64EncodedString(options: [
      .lineLength76Characters, .endLineWithCarriageReturn, .endLineWithLineFeed,
    ])
  private static let percentEncoded =
    base64.replacing("+", with: "%2B").replacing("/", with: "%2f").replacing("=", with: "%3D")
  private static let everyByte = picture.map {
    "%" + String($0 >> 4, radix: 16) + String($0 & 15, radix: 16)
  }
  .joined()

  private static let spellings: [String] = [
    "data:image/png;base64,\(base64)", "data:image/png;base64,\(wrapped)",
    "data:image/png;base64,\(unpadded)", "data:image/png;base64,\(urlSafe)",
    "data:image/png;base64,\(urlSafe.replacing("=", with: ""))",
    "data:image/png;base64,\(percentEncoded)", "DATA:Image/PNG;BASE64,\(base64)",
    "data:image/png;name=a.png; base64 ,\(base64)", "data:;base64,\(base64)",
    " \n data:image/png;base64, \(base64)\n", "\u{FEFF}data:image/png;base64,\(base64)",
    "data:image/png,\(everyByte)", base64, wrapped, unpadded, urlSafe,
  ]

  @Test(arguments: spellings)
  func `every spelling of a picture gives the same vector`(_ text: String) async throws {
    #expect(!Self.picture.isEmpty)
    let world = try await world()
    func embedding(_ text: String) async throws -> JSONValue? {
      let response = try await world.call(
        "POST", "/v1/embeddings", json: ["input": [.string(text)]])
      #expect(response.status == 200)
      return try response.object()["data"]
    }
    #expect(try await embedding(text) == embedding(Self.spellings[0]))
  }

  private static let faults: [(text: String, code: String, words: String)] = [
    ("a photo of a cat", "not_a_data_url", "words to embed"), ("cat", "not_a_data_url", "words"),
    ("/home/me/cat.jpg", "not_a_data_url", "a path is not read"),
    ("file:///cat.jpg", "not_a_data_url", "a path is not read"), ("", "not_a_data_url", "form"),
    ("data:image/png;base64", "not_a_data_url", "no comma"),
    ("data:image/png,%4", "not_a_data_url", "%"), ("data:image/png,%+1", "not_a_data_url", "%"),
    ("data:image/png;base64,AAAAA", "invalid_base64", "cut off"),
    ("data:image/png;base64,AA*A", "invalid_base64", "at 2"),
    ("data:image/png;base64,AA==AA", "invalid_base64", "after its padding"),
    ("data:image/png;base64,A===", "invalid_base64", "cut off"),
    ("data:image/png;base64,AAA\u{E4}", "invalid_base64", "at 3"),
  ]

  @Test(arguments: faults.indices)
  func `what is no picture is told apart`(_ index: Int) async throws {
    let fault = Self.faults[index]
    let good = JSONValue.string(Self.spellings[0])
    let response = try await world().call(
      "POST", "/v1/embeddings", json: ["input": [good, .string(fault.text)]])
    #expect(response.status == 422)
    let told = try response.object()["errors"]?.arrayValue?.first?.objectValue
    #expect(told?["index"] == 1 && told?["code"] == .string(fault.code))
    let detail = try #require(told?["detail"]?.stringValue)
    #expect(detail.contains(fault.words), "\(detail)")
  }

  @Test(arguments: [
    "application/json", "application/x-www-form-urlencoded", "application/vnd.x+json",
  ])
  func `a byte order mark before JSON is skipped, and UTF-16 is called by its name`(
    type: String
  ) async throws {
    let world = try await world()
    let body = JSONValue.object(["input": .string(Self.spellings[0])]).encoded
    let marked = try await world.call(
      "POST", "/v1/embeddings", headers: ["Content-Type": type], body: [0xEF, 0xBB, 0xBF] + body)
    #expect(marked.status == 200)
    guard type != "application/x-www-form-urlencoded" else { return }
    let wide = try await world.call(
      "POST", "/v1/embeddings", headers: ["Content-Type": type],
      body: [0xFF, 0xFE] + body.flatMap { [$0, 0] })
    #expect(wide.status == 400)
    #expect(try wide.object()["detail"]?.stringValue?.contains("UTF-16") == true)
  }

  /// A form of parts: a field's name, a file's name or none, and bytes.
  private static func form(_ parts: [(name: String, file: String?, bytes: [UInt8])]) -> [UInt8] {
    parts.flatMap { part in
      let file = part.file.map { "; filename=\"\($0)\"" } ?? ""
      let head = "--b0\r\nContent-Disposition: form-data; name=\"\(part.name)\"\(file)\r\n\r\n"
      return Array(head.utf8) + part.bytes + Array("\r\n".utf8)
    } + Array("--b0--\r\n".utf8)
  }

  private func send(
    _ parts: [(name: String, file: String?, bytes: [UInt8])]
  ) async throws -> Response {
    try await world().call(
      "POST", "/v1/embeddings", headers: ["Content-Type": "multipart/form-data; boundary=b0"],
      body: Self.form(parts))
  }

  @Test func `a form's files are pictures in their order, its other parts are what the query is`()
    async throws
  {
    let (first, second) = (try plainBytes(red: 200), try plainBytes(red: 10))
    let response = try await send([
      ("image", "a.png", first), ("dimensions", nil, Array("2".utf8)), ("image", "b.png", second),
      ("normalize", nil, Array("false".utf8)),
    ])
    #expect(response.status == 200)
    let data = try #require(try response.object()["data"]?.arrayValue)
    let vectors = data.map { $0.objectValue?["embedding"]?.arrayValue?.compactMap(\.doubleValue) }
    #expect(vectors == [[200, 10], [10, 10]])
  }

  @Test(
    arguments: [
      ([("image", nil, "no file")], 422, "image"), ([], 422, "image"),
      ([("image", "a.png", "words")], 422, nil),
      ([("image", "a.png", ""), ("model", nil, "none")], 404, nil),
      ([("image", "a.png", ""), ("size", nil, "3")], 400, "size"),
      ([("image", "a.png", ""), ("model", nil, "a"), ("model", nil, "b")], 400, "model"),
      ([("image", "a.png", ""), ("dimensions", nil, "x")], 400, "dimensions"),
      (
        [("image", "a.png", ""), ("model", nil, String(repeating: "m", count: 1025))], 400, "model"
      ),
      ([(String, String?, String)](repeating: ("image", "a.png", ""), count: 65), 422, "image"),
    ] as [([(String, String?, String)], Int, String?)])
  func `what is wrong with a form is told by its field`(
    parts: [(String, String?, String)], status: Int, field: String?
  ) async throws {
    let picture = try plainBytes(red: 1)
    let response = try await send(
      parts.map { ($0.0, $0.1, $0.1 != nil && $0.2.isEmpty ? picture : Array($0.2.utf8)) })
    #expect(response.status == status)
    let told = try response.object()["errors"]?.arrayValue?.first?.objectValue?["field"]
    #expect(field == nil || told?.stringValue == field, "\(String(describing: told))")
  }

  @Test func `with partial the others are answered and the failed ones told in their places`()
    async throws
  {
    let world = try await world()
    let good = "data:image/png;base64," + Data(try plainBytes(red: 50)).base64EncodedString()
    let bad = "data:image/png;base64," + Data("words".utf8).base64EncodedString()
    let response = try await world.call(
      "POST", "/v1/embeddings",
      json: ["input": [.string(good), .string(bad), .string(good)], "on_error": "partial"])
    #expect(response.status == 200)
    let object = try response.object()
    let data = try #require(object["data"]?.arrayValue).compactMap(\.objectValue)
    #expect(data.map { $0["object"] } == ["embedding", "error", "embedding"])
    #expect(data[1]["index"] == 1 && data[1]["code"]?.stringValue?.isEmpty == false)
    #expect(data[0]["embedding"] == data[2]["embedding"])
    #expect(object["usage"]?.objectValue?["images"] == 2)
    let none = try await world.call(
      "POST", "/v1/embeddings", json: ["input": [.string(bad)], "on_error": "partial"])
    #expect(none.status == 422)
    let numbers = try await world.call(
      "POST", "/v1/embeddings", query: [("on_error", "partial")],
      headers: ["Accept": "application/octet-stream"], body: try plainBytes(red: 1))
    #expect(numbers.status == 400)
    let word = try await world.call(
      "POST", "/v1/embeddings", query: [("on_error", "skip")], body: try plainBytes(red: 1))
    #expect(word.status == 400)
  }
}
