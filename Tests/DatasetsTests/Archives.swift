import Datasets
import Foundation
import Images
import Randomness
import Testing

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
  /// The name as it stands in the archive.
  var nameBytes: [UInt8]
  var bytes: [UInt8] = []
  /// ustar's type: `0` a file, `1` a hard link, `2` a symbolic link, `3` a device, `5` a folder, `x` pax' further fields.
  var type: Character = "0"
  var target = ""

  init(name: String, bytes: [UInt8] = [], type: Character = "0", target: String = "") {
    self.init(nameBytes: Array(name.utf8), bytes: bytes, type: type, target: target)
  }

  init(nameBytes: [UInt8], bytes: [UInt8] = [], type: Character = "0", target: String = "") {
    (self.nameBytes, self.bytes, self.type, self.target) = (nameBytes, bytes, type, target)
  }

  var name: String { String(decoding: nameBytes, as: UTF8.self) }
}

/// The archive as ustar writes it; `hasEnd` tells whether the zeros that end it are there.
func tar(_ entries: [ArchiveEntry], hasEnd: Bool = true) -> [UInt8] {
  var archive: [UInt8] = []
  for entry in entries {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: some Sequence<UInt8>, at offset: Int) {
      for (i, byte) in text.enumerated() { header[offset + i] = byte }
    }
    func octal(_ number: Int, digits: Int) -> String.UTF8View {
      let text = String(number, radix: 8)
      return (String(repeating: "0", count: digits - text.count) + text).utf8
    }
    put(entry.nameBytes, at: 0)
    put("0000644".utf8, at: 100)
    put("0000000".utf8, at: 108)
    put("0000000".utf8, at: 116)
    put(octal(entry.bytes.count, digits: 11), at: 124)
    put(octal(0, digits: 11), at: 136)
    put("        ".utf8, at: 148)
    put(String(entry.type).utf8, at: 156)
    put(entry.target.utf8, at: 157)
    put("ustar\u{0}00".utf8, at: 257)
    put(octal(header.reduce(0) { $0 + Int($1) }, digits: 6), at: 148)
    header.replaceSubrange(154..<156, with: [0, 0x20])
    archive += header + entry.bytes
    archive += [UInt8](repeating: 0, count: (512 - entry.bytes.count % 512) % 512)
  }
  return archive + [UInt8](repeating: 0, count: hasEnd ? 1024 : 0)
}

/// How `zip` writes an entry.
struct ZipForm {
  /// 0 stored, 8 Deflate; other numbers are written, and the bytes stored.
  var method = 0
  /// The mark that names are UTF-8.
  var isUTF8 = true
  /// Who made it: 3 Unix, 0 DOS.
  var host = 3
  /// Unix' mode.
  var mode = 0o100644
  var extra: [UInt8] = []
  var isEncrypted = false
}

func little(_ number: Int, _ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
}

/// The archive as zip writes it, its entries in the form `form`; in 64-bit form where `isLarge`.
func zip(
  _ entries: [ArchiveEntry], _ form: ZipForm = ZipForm(), isLarge: Bool = false
) throws -> [UInt8] {
  var archive: [UInt8] = []
  var directory: [UInt8] = []
  for entry in entries {
    let packed = form.method == 8 ? try deflated(entry.bytes) : entry.bytes
    let flags = (form.isUTF8 ? 1 << 11 : 0) | (form.isEncrypted ? 1 : 0)
    let sum = Int(crc32(entry.bytes))
    let long =
      little(1, 2) + little(24, 2) + little(entry.bytes.count, 8) + little(packed.count, 8)
      + little(archive.count, 8)
    let extra = isLarge ? long + form.extra : form.extra
    func common(_ sizes: [UInt8], _ extra: [UInt8]) -> [UInt8] {
      little(20, 2) + little(flags, 2) + little(form.method, 2) + little(0, 4) + little(sum, 4)
        + sizes + little(entry.nameBytes.count, 2) + little(extra.count, 2)
    }
    let sizes = little(packed.count, 4) + little(entry.bytes.count, 4)
    let full = [UInt8](repeating: 0xFF, count: 8)
    directory +=
      little(0x0201_4B50, 4) + little(form.host << 8 | 0x14, 2)
      + common(isLarge ? full : sizes, extra) + little(0, 6)
      + little(form.host == 3 ? form.mode << 16 : 0, 4)
      + (isLarge ? little(0xFFFF_FFFF, 4) : little(archive.count, 4)) + entry.nameBytes + extra
    archive += little(0x0403_4B50, 4) + common(sizes, []) + entry.nameBytes + packed
  }
  let count = entries.count
  let large =
    little(0x0606_4B50, 4) + little(44, 8) + little(45, 4) + little(0, 8) + little(count, 8)
    + little(count, 8) + little(directory.count, 8) + little(archive.count, 8)
    + little(0x0706_4B50, 4) + little(0, 4) + little(archive.count + directory.count, 8)
    + little(1, 4)
  let end =
    little(0x0605_4B50, 4) + little(0, 4) + little(isLarge ? 0xFFFF : count, 2)
    + little(isLarge ? 0xFFFF : count, 2) + little(isLarge ? 0xFFFF_FFFF : directory.count, 4)
    + little(isLarge ? 0xFFFF_FFFF : archive.count, 4) + little(0, 2)
  return archive + directory + (isLarge ? large : []) + end
}

/// Bytes in Deflate: what gzip writes without its head and tail.
func deflated(_ bytes: [UInt8]) throws -> [UInt8] {
  let packed = try piped(bytes, through: "gzip")
  try #require(packed.starts(with: [0x1F, 0x8B, 8, 8]))
  let name = try #require(packed[10...].firstIndex(of: 0))
  return Array(packed[(name + 1)..<(packed.count - 8)])
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

/// The report in the directory of a pack.
func storedReport(_ directory: String) throws -> AdmissionReport {
  let bytes = try Data(contentsOf: URL(fileURLWithPath: directory + "/report.json"))
  return try JSONDecoder().decode(AdmissionReport.self, from: bytes)
}

/// A PNG of one value in each sample: 8 or 16 bits, 1 (gray) or 3 channels, with Deflate's blocks that are stored.
func evenPNG(width: Int, height: Int, bits: Int = 8, channels: Int = 3, value: Int) -> [UInt8] {
  func big(_ number: Int, _ count: Int) -> [UInt8] { little(number, count).reversed() }
  func chunk(_ kind: String, _ content: [UInt8]) -> [UInt8] {
    let body = Array(kind.utf8) + content
    return big(content.count, 4) + body + big(Int(crc32(body)), 4)
  }
  let row: [UInt8] = [0] + repeatElement(big(value, bits / 8), count: width * channels).joined()
  let raw: [UInt8] = Array(repeatElement(row, count: height).joined())
  var (a, b) = (1, 0)
  for byte in raw {
    a = (a + Int(byte)) % 65521
    b = (b + a) % 65521
  }
  var packed: [UInt8] = [0x78, 0x01]
  for first in stride(from: 0, to: raw.count, by: 65535) {
    let part = raw[first..<min(first + 65535, raw.count)]
    packed += [part.endIndex == raw.count ? 1 : 0] + little(part.count, 2)
    packed += little(~part.count & 0xFFFF, 2) + part
  }
  packed += big(b << 16 | a, 4)
  let head = big(width, 4) + big(height, 4) + [UInt8(bits), channels == 1 ? 0 : 2, 0, 0, 0]
  return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + chunk("IHDR", head)
    + chunk("IDAT", packed) + chunk("IEND", [])
}
