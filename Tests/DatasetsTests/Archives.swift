import Foundation
import Images
import Randomness

/// A fresh directory that is removed when the value is let go.
final class TemporaryDirectory {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent(
      "byol-datasets-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file, with the folders above it.
  @discardableResult
  func write(_ bytes: [UInt8], to name: String) throws -> String {
    let url = URL(fileURLWithPath: path + "/" + name)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
    return url.path
  }

  func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).sorted()
  }
}

/// An entry of an archive made by a test.
struct ArchiveEntry {
  var name: String
  var bytes: [UInt8] = []
  /// ustar's type: `0` a file, `1` a hard link, `2` a symbolic link, `3` a device, `5` a folder.
  var type: Character = "0"
  var target = ""
}

/// The archive as ustar writes it.
func tar(_ entries: [ArchiveEntry]) -> [UInt8] {
  var archive: [UInt8] = []
  for entry in entries {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, at offset: Int) {
      for (i, byte) in text.utf8.enumerated() { header[offset + i] = byte }
    }
    func octal(_ number: Int, digits: Int) -> String {
      let text = String(number, radix: 8)
      return String(repeating: "0", count: digits - text.count) + text
    }
    put(entry.name, at: 0)
    put("0000644", at: 100)
    put("0000000", at: 108)
    put("0000000", at: 116)
    put(octal(entry.bytes.count, digits: 11), at: 124)
    put(octal(0, digits: 11), at: 136)
    put("        ", at: 148)
    put(String(entry.type), at: 156)
    put(entry.target, at: 157)
    put("ustar\u{0}00", at: 257)
    put(octal(header.reduce(0) { $0 + Int($1) }, digits: 6) + "\u{0} ", at: 148)
    archive += header + entry.bytes
    archive += [UInt8](repeating: 0, count: (512 - entry.bytes.count % 512) % 512)
  }
  return archive + [UInt8](repeating: 0, count: 1024)
}

/// The archive as zip writes it without compression.
func zip(_ entries: [ArchiveEntry]) -> [UInt8] {
  var archive: [UInt8] = []
  var directory: [UInt8] = []
  func little(_ number: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }
  for entry in entries {
    let name = Array(entry.name.utf8)
    let sum = Int(crc32(entry.bytes))
    let common =
      little(20, 2) + little(1 << 11, 2) + little(0, 2) + little(0, 4) + little(sum, 4)
      + little(entry.bytes.count, 4) + little(entry.bytes.count, 4) + little(name.count, 2)
      + little(0, 2)
    directory +=
      little(0x0201_4B50, 4) + little(0x0314, 2) + common + little(0, 6)
      + little(0o100644 << 16, 4) + little(archive.count, 4) + name
    archive += little(0x0403_4B50, 4) + common + name + entry.bytes
  }
  let end =
    little(0x0605_4B50, 4) + little(0, 4) + little(entries.count, 2) + little(entries.count, 2)
    + little(directory.count, 4) + little(archive.count, 4) + little(0, 2)
  return archive + directory + end
}

/// Bytes packed by a program that reads standard input and writes standard output.
func piped(_ bytes: [UInt8], through program: String) throws -> [UInt8] {
  let directory = try TemporaryDirectory()
  let input = try directory.write(bytes, to: "in")
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = [program, "-c", input]
  let output = Pipe()
  process.standardOutput = output
  try process.run()
  let packed = output.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return Array(packed)
}

/// A small picture whose content follows from `seed`.
func picture(_ seed: Int, width: Int = 24, height: Int = 20) -> Raster {
  var random = RandomStream(seed: UInt64(seed), purpose: .demo)
  return Raster(
    width: width, height: height,
    pixels: (0..<width * height * 3).map { _ in UInt8(truncatingIfNeeded: random.nextWord()) })
}

/// Two labels in a train and a test folder under one common folder, with a text file beside them.
func labelledEntries(trainPerLabel: Int = 3, testPerLabel: Int = 1) throws -> [ArchiveEntry] {
  var entries = [ArchiveEntry(name: "set/README.txt", bytes: Array("About.".utf8))]
  for (split, count) in [("train", trainPerLabel), ("test", testPerLabel)] {
    for (number, label) in ["cat", "dog"].enumerated() {
      for i in 0..<count {
        let seed = i + 100 * number + (split == "test" ? 1000 : 0)
        entries.append(
          ArchiveEntry(
            name: "set/\(split)/\(label)/\(i).png", bytes: try picture(seed).png()))
      }
    }
  }
  return entries
}

func fileBytes(_ path: String) throws -> [UInt8] {
  Array(try Data(contentsOf: URL(fileURLWithPath: path)))
}
