import Foundation
import Images
import Testing

@testable import Datasets

/// Zips as different systems write them, and damaged ones.
@Suite struct ZipTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  func admitted(_ bytes: [UInt8], threads: Int = 2) throws -> (AdmissionReport, [String]) {
    let path = try directory.write(bytes, to: "source.zip")
    let into = directory.path + "/admitted"
    try? FileManager.default.removeItem(atPath: into)
    let report = try admit(source: DatasetSource(path: path), into: into, threads: threads)
    let pack = try Pack(directory: into)
    return (report, (0..<pack.count).map { pack[$0].name })
  }

  func entries(_ names: [[UInt8]], from first: Int = 0) throws -> [ArchiveEntry] {
    try names.enumerated().map { number, name in
      ArchiveEntry(nameBytes: name, bytes: try picture(first + number).png())
    }
  }

  func entries(_ names: [String], from first: Int = 0) throws -> [ArchiveEntry] {
    try entries(names.map { Array($0.utf8) }, from: first)
  }

  struct Name: CustomTestStringConvertible {
    var bytes: [UInt8]
    var form: ZipForm
    var expected: String
    var testDescription: String { expected }

    init(_ bytes: [UInt8], _ form: ZipForm, _ expected: String) {
      (self.bytes, self.form, self.expected) = (bytes, form, expected)
    }
  }

  /// Info-ZIP's Unicode path for a name.
  static func unicodePath(_ text: String, for raw: [UInt8]) -> [UInt8] {
    let content = [1] + little(Int(crc32(raw)), 4) + Array(text.utf8)
    return little(0x7075, 2) + little(content.count, 2) + content
  }

  static let old = ZipForm(isUTF8: false, host: 0)
  static let names = [
    Name(Array("Käfer/猫.png".utf8), ZipForm(), "Käfer/猫.png"),
    // Without the mark, as many programs on Unix write it.
    Name(Array("Käfer/猫.png".utf8), ZipForm(isUTF8: false), "Käfer/猫.png"),
    // Decomposed, as macOS has it: not a bit of it is changed.
    Name(Array("Ka\u{308}fer/1.png".utf8), ZipForm(), "Ka\u{308}fer/1.png"),
    Name(Array("K".utf8) + [0x84] + Array("fer/1.png".utf8), old, "Käfer/1.png"),
    Name([0x80, 0xA4, 0xFF, 0x2F, 0x31, 0x2E] + Array("png".utf8), old, "Çñ\u{A0}/1.png"),
    // Latin-1 and Shift JIS have no mark: they become other letters, and no picture is lost. 0x5C is no separator here.
    Name(Array("K".utf8) + [0xE4] + Array("fer/1.png".utf8), old, "KΣfer/1.png"),
    Name([0x95, 0x5C] + Array(".png".utf8), old, "ò\\.png"),
    Name(Array("train\\cat\\1.png".utf8), old, "train/cat/1.png"),
    Name(Array("train\\Käfer\\1.png".utf8), ZipForm(host: 10), "train/Käfer/1.png"),
    Name(Array("a\\b.png".utf8), ZipForm(), "a\\b.png"),
    Name(
      [0x95, 0x5C] + Array(".png".utf8),
      ZipForm(
        isUTF8: false, host: 0,
        extra: little(0x9999, 2) + little(1, 2) + [7]
          + unicodePath("表.png", for: [0x95, 0x5C] + Array(".png".utf8))), "表.png"),
    // A Unicode path of another name is none of this one's.
    Name(
      [0x84] + Array(".png".utf8),
      ZipForm(isUTF8: false, host: 0, extra: unicodePath("x.png", for: [1])), "ä.png"),
  ]

  @Test(arguments: names)
  func `names are the bytes of the zip's directory, by the format's rules`(one: Name) throws {
    let (report, names) = try admitted(try zip(entries([one.bytes]), one.form))
    #expect(names.map { Array($0.utf8) } == [Array(one.expected.utf8)])
    #expect(report.rejectedCount == 0 && report.archiveFaults == [])
  }

  @Test(arguments: [0, 8], [false, true])
  func `stored and packed entries are read, with 64-bit sizes too`(
    method: Int, isLarge: Bool
  ) throws {
    let names = (0..<5).map { "\($0 % 2)/\($0).png" }
    let bytes = try zip(
      try entries(names) + [
        ArchiveEntry(name: "b/large.png", bytes: try picture(9, width: 300, height: 200).png()),
        ArchiveEntry(name: "b/empty.png"),
      ], ZipForm(method: method), isLarge: isLarge)
    let (report, found) = try admitted(bytes)
    #expect(found == names + ["b/large.png"])
    #expect(report.rejected.map(\.code) == [.empty] && report.archiveFaults == [])
    let pack = try Pack(directory: directory.path + "/admitted")
    #expect(try pack.image(at: 3) == picture(3))
  }

  @Test func `links, folders, encrypted entries and other methods are told by name`() throws {
    let one = try entries(["a/1.png"])
    func rejection(_ form: ZipForm) throws -> [String] {
      let error = #expect(throws: AdmissionError.self) { _ = try admitted(zip(one, form)) }
      guard case .noPictures(let report) = error else { return [] }
      return report.rejected.map { "\($0.name) \($0.code.rawValue)" }
    }
    #expect(try rejection(ZipForm(mode: 0o120777)) == ["a/1.png link"])
    #expect(try rejection(ZipForm(mode: 0o020644)) == ["a/1.png not_a_file"])
    #expect(try rejection(ZipForm(isEncrypted: true)) == ["a/1.png unreadable"])
    #expect(try rejection(ZipForm(method: 14)) == ["a/1.png unreadable"])
    let (report, _) = try admitted(zip(one + [ArchiveEntry(name: "b/")]))
    #expect(report.accepted == 1 && report.rejectedCount == 0)
  }

  /// What of an entry is damaged.
  enum Damage: CaseIterable { case bytes, checksum, header, deflate, length }

  @Test(arguments: Damage.allCases)
  func `one damaged entry is refused by name, and all others are admitted`(damage: Damage) throws {
    let form = ZipForm(method: damage == .deflate ? 8 : 0)
    let all = try entries((0..<9).map { "a/\($0).png" })
    let before = try zip(Array(all.prefix(4)), form)
    var bytes = try zip(all, form)
    // The fifth entry begins where the directory of the first four does.
    let start = try #require(before.firstRange(of: little(0x0201_4B50, 4))?.lowerBound)
    #expect(bytes[start...].starts(with: little(0x0403_4B50, 4)))
    let data = start + 30 + "a/4.png".utf8.count
    switch damage {
    case .bytes: bytes[data + 60] ^= 1
    case .deflate: bytes[data] = 0xFF
    case .header: bytes[start] ^= 1
    case .checksum, .length:
      let record = try #require(
        bytes.indices.filter { bytes[$0...].starts(with: little(0x0201_4B50, 4)) }.dropFirst(4)
          .first)
      bytes[record + (damage == .checksum ? 16 : 24)] ^= 1
    }
    let (report, names) = try admitted(bytes)
    #expect(names == (0..<9).filter { $0 != 4 }.map { "a/\($0).png" })
    #expect(report.rejected.map { "\($0.name) \($0.code.rawValue)" } == ["a/4.png damaged_entry"])
  }

  @Test func `zips one after the other are all read`() throws {
    let two = try zip(entries(["a/1.png", "b/2.png"])) + zip(entries(["a/3.png"], from: 7))
    let (report, names) = try admitted(two + zip([]) + zip(entries(["a/4.png"], from: 8)))
    #expect(names == ["a/1.png", "b/2.png", "a/3.png", "a/4.png"])
    #expect(report.archiveFaults == [] && report.rejectedCount == 0)
  }

  @Test(arguments: [1, 40_000, 200_000])
  func `bytes after and before a zip are told`(count: Int) throws {
    let whole = try zip(entries(["a/1.png", "b/2.png"]))
    let other = [UInt8](repeating: UInt8(ascii: "P"), count: count)
    let after = try admitted(whole + other).0
    #expect(after.accepted == 2 && after.archiveFaults.map(\.code) == [.bytesAfterEnd])
    #expect(after.advice.contains { $0.contains("\(count) bytes from byte \(whole.count)") })
    let before = try admitted(Array("MZ".utf8) + other + whole).0
    #expect(before.accepted == 2 && before.archiveFaults.map(\.code) == [.bytesBeforeStart])
  }

  @Test func `a zip that was cut off, a part of one, and a damaged directory are refused`() throws {
    let whole = try zip(entries((0..<9).map { "a/\($0).png" }))
    func refusal(_ bytes: [UInt8]) -> String? {
      #expect(throws: AdmissionError.self) { try admitted(bytes) }?.code
    }
    #expect(refusal(Array(whole.dropLast(30))) == "broken_archive")
    #expect(refusal(Array(whole.prefix(2000))) == "broken_archive")
    var part = whole
    part[part.count - 18] = 3
    #expect(refusal(part) == "unsupported_archive")
    var damaged = whole
    let records = whole.indices.filter { whole[$0...].starts(with: little(0x0201_4B50, 4)) }
    damaged[try #require(records.dropFirst(3).first)] ^= 1
    #expect(refusal(damaged) == "broken_archive")
    #expect(try directory.names() == ["source.zip"])
  }

  @Test func `every cut and every flipped bit of a small zip ends in pictures or in an error`()
    throws
  {
    let whole = try zip(entries(["a/1.png", "b/2.png"]), ZipForm(method: 8), isLarge: true)
    let limits = AdmissionLimits()
    for place in stride(from: 0, to: whole.count, by: 13) {
      var flipped = whole
      flipped[place] ^= 0x81
      for bytes in [Array(whole.prefix(place)), flipped] {
        let path = try directory.write(bytes, to: "small.zip")
        guard let file = ReadableFile(BytePath(path), followsLinks: true) else { continue }
        guard let reader = try? ZipReader(file, limits: limits) else { continue }
        var count = 0
        while (try? reader.next()) != nil, count < 10 { count += 1 }
        #expect(count <= 2)
      }
    }
  }

  @Test func `entries are bounded before they are read`() throws {
    var limits = AdmissionLimits()
    limits.entryCount = 3
    let path = try directory.write(zip(entries((0..<4).map { "a/\($0).png" })), to: "source.zip")
    #expect(throws: AdmissionError.tooManyEntries(limit: 3)) {
      try admit(source: .archive(path: path), into: directory.path + "/d", limits: limits)
    }
  }
}
