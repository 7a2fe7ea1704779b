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
    var hash: String
  }

  /// Files that are treated otherwise than by Pillow, with the reason.
  static let exceptions: [String: String] = [
    "pillow/broken_data_stream.png": "a chunk's checksum is wrong: refused as corrupt",
    "pngsuite/xcsn0g01.png": "the data's checksum is wrong: refused as corrupt",
    "sharp/testimgl.jpg": "lossless JPEG, which libjpeg-turbo 2 does not decode",
    "pillow/png_decompression_dos.png": "a text chunk larger than allowed is passed over",
    "pillow/issue_2811.gif": "a code size larger than GIF allows, which giflib refuses",
    "pillow/unknown_compression_method.png": "a broken colour profile is passed over",
  ]

  static let decoded = Set(ImageFormat.allCases.map(\.rawValue))

  @Test func `every file that Pillow opens is opened alike and no other harms`() throws {
    let folder = try unpacked()
    defer { try? FileManager.default.removeItem(at: folder) }
    let root = folder.appendingPathComponent("tricky-images")
    let cases = try manifest(root.appendingPathComponent("manifest.tsv"))
    #expect(cases.count > 1600)
    var hashes: [String: String] = [:]
    let decodedFolder = folder.appendingPathComponent("decoded")
    try FileManager.default.createDirectory(at: decodedFolder, withIntermediateDirectories: true)
    for one in cases {
      let bytes = Array(try Data(contentsOf: root.appendingPathComponent(one.path)))
      let began = ContinuousClock.now
      let result = Result { () throws(ImageError) in try decode(bytes, alpha: .dropped) }
      #expect(ContinuousClock.now - began < .seconds(2), "\(one.path)")
      guard Self.exceptions[one.path] == nil else { continue }
      switch (Self.decoded.contains(one.format), result) {
      case (false, .failure(let error)):
        #expect(error.code == .unsupportedFormat || error.code == .empty, "\(one.path): \(error)")
      case (false, .success):
        Issue.record("\(one.path), of format \(one.format), was decoded")
      case (true, .failure(let error)):
        #expect(one.pillowStatus != "ok", "\(one.path): \(error)")
      case (true, .success(let image)):
        #expect(one.pillowStatus == "ok", "\(one.path) is no picture to Pillow")
        let name = String(hashes.count)
        hashes[name] = one.hash
        try Data(image.pixels).write(to: decodedFolder.appendingPathComponent(name))
      }
    }
    // The rest are JPEG within two levels, pictures that are turned here and not in the manifest, and
    // 16-bit gray, for which the manifest has no hash.
    let equal = try sha256(of: hashes.keys.sorted(), in: decodedFolder).count {
      hashes[$0.key] == $0.value
    }
    #expect(equal >= 451, "\(equal) pictures are equal bit for bit")
  }

  private func manifest(_ url: URL) throws -> [Case] {
    try String(contentsOf: url, encoding: .utf8).split(separator: "\n").dropFirst().map { line in
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      return Case(
        path: fields[0], format: fields[2], pillowStatus: fields[5], hash: fields[12])
    }
  }

  /// The SHA-256 of files in a folder, by their names.
  private func sha256(of names: [String], in folder: URL) throws -> [String: String] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["sha256sum"] + names
    process.currentDirectoryURL = folder
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let pairs = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    return Dictionary(uniqueKeysWithValues: pairs.map { ($0[1], $0[0]) })
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
