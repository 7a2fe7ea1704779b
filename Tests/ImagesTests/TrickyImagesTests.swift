import Foundation
import Images
import Testing

/// Files that break decoders, held against what Pillow makes of them. Runs when `BYOL_TEST_DATA` names
/// the folder with `tricky-images.tar.gz`.
@Suite(
  .enabled(
    if: ProcessInfo.processInfo.environment["BYOL_TEST_DATA"] != nil,
    "BYOL_TEST_DATA does not name the folder with tricky-images.tar.gz"))
struct TrickyImagesTests {
  /// One line of the archive's manifest.
  struct Case {
    var path: String
    var format: String
    var pillowStatus: String
  }

  /// Files that Pillow opens and that are refused, with the code and the reason; `docs/pictures.md` has them too.
  static let refused: [String: (ImageError.Code, String)] = [
    "pillow/broken_data_stream.png": (.corrupt, "the compressed data is broken"),
    "pngsuite/xcsn0g01.png": (.corrupt, "the data's checksum is wrong"),
    "sharp/testimgl.jpg": (.unsupportedFormat, "lossless JPEG"),
    "pillow/issue_2811.gif": (.corrupt, "a code size larger than GIF allows"),
  ]

  /// Files that Pillow refuses and that are decoded.
  static let accepted: [String: String] = [
    "pillow/png_decompression_dos.png": "a text chunk larger than allowed is passed over",
    "pillow/unknown_compression_method.png": "a broken colour profile is passed over",
  ]

  @Test func `the document lists every file that is treated otherwise`() throws {
    let document = try String(
      contentsOf: Fixture.folder.appendingPathComponent("../../../docs/pictures.md"),
      encoding: .utf8)
    for path in Array(Self.refused.keys) + Array(Self.accepted.keys) {
      #expect(document.contains("| `\(path)` |"), "\(path)")
    }
  }

  static let decoded = Set(ImageFormat.allCases.map(\.rawValue))

  /// In a process of its own, so that what is measured is the decoder's.
  @Test func `each file is decoded as Pillow does or refused, within two seconds and 256 MiB`()
    async throws
  {
    let folder = try unpacked()
    defer { try? FileManager.default.removeItem(at: folder) }
    await #expect(processExitsWith: .success) { [path = folder.path as String] in
      try TrickyImagesTests.checkAll(in: URL(fileURLWithPath: path + "/tricky-images"))
    }
  }

  static func checkAll(in root: URL) throws {
    let cases = try manifest(root.appendingPathComponent("manifest.tsv"))
    let expected = try PillowResult.all()
    #expect(cases.count == 1648)
    var compared = 0
    for one in cases {
      let bytes = Array(try Data(contentsOf: root.appendingPathComponent(one.path)))
      var result = Result<Raster, ImageError>.failure(ImageError(.empty, ""))
      var cost = DecodingCost { result = Result { () throws(ImageError) in try decode(bytes) } }
      cost.pixelByteCount = try? result.get().pixels.count
      #expect(cost.faults == [], "\(one.path)")
      if let fault = fault(in: result, one, expected[one.path]) {
        Issue.record("\(one.path): \(fault)")
      }
      if expected[one.path] != nil, (try? result.get()) != nil { compared += 1 }
    }
    #expect(compared == expected.count - refused.count && expected.count == 565)
  }

  /// What is wrong about a file's result; nil for nothing.
  static func fault(
    in result: Result<Raster, ImageError>, _ one: Case, _ expected: PillowResult?
  ) -> String? {
    switch result {
    case .failure(let error):
      if let (code, _) = refused[one.path] { return error.code == code ? nil : "\(error)" }
      guard decoded.contains(one.format) else {
        return error.code == .unsupportedFormat || error.code == .empty ? nil : "\(error)"
      }
      return one.pillowStatus == "ok" ? "\(error)" : nil
    case .success(let image):
      guard decoded.contains(one.format) else { return "of format \(one.format), was decoded" }
      if accepted[one.path] != nil { return nil }
      return expected.map { $0.fault(in: image) } ?? "is no picture to Pillow"
    }
  }

  private static func manifest(_ url: URL) throws -> [Case] {
    try String(contentsOf: url, encoding: .utf8).split(separator: "\n").dropFirst().map { line in
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      return Case(path: fields[0], format: fields[2], pillowStatus: fields[5])
    }
  }

  /// The archive unpacked into a fresh folder.
  private func unpacked() throws -> URL {
    let data = ProcessInfo.processInfo.environment["BYOL_TEST_DATA"] ?? ""
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "byol-tricky-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["tar", "xzf", data + "/tricky-images.tar.gz", "-C", folder.path]
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    return folder
  }
}

/// What `Fixtures/tricky.py` says that Pillow makes of a file.
struct PillowResult {
  var width: Int
  var height: Int
  /// Of the RGB bytes.
  var checksum: UInt32

  /// All results, by the files' paths.
  static func all() throws -> [String: PillowResult] {
    let text = String(decoding: try Fixture.bytes("tricky.tsv"), as: UTF8.self)
    let lines = try text.split(separator: "\n").map { line in
      let fields = line.split(separator: "\t").map(String.init)
      let result = PillowResult(
        width: try #require(Int(fields[1])), height: try #require(Int(fields[2])),
        checksum: try #require(UInt32(fields[3], radix: 16)))
      return (fields[0], result)
    }
    return Dictionary(uniqueKeysWithValues: lines)
  }

  /// How a picture differs; nil where it is equal to the last bit, which is more than the tolerances ask.
  func fault(in image: Raster) -> String? {
    guard (image.width, image.height) == (width, height) else {
      return "\(image.width) x \(image.height) in place of \(width) x \(height)"
    }
    return crc32(image.pixels) == checksum ? nil : "other pixels than Pillow's"
  }
}
