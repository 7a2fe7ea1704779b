import Foundation
import Images
import Testing

@testable import Datasets

/// Tars that were put together, cut off or damaged.
@Suite struct TarTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  func admitted(_ bytes: [UInt8]) throws -> (AdmissionReport, [String]) {
    let path = try directory.write(bytes, to: "source.tar")
    let into = directory.path + "/admitted"
    try? FileManager.default.removeItem(atPath: into)
    let report = try admit(source: DatasetSource(path: path), into: into, threads: 2)
    let pack = try Pack(directory: into)
    return (report, (0..<pack.count).map { pack[$0].name })
  }

  func entries(_ folder: String, _ count: Int) throws -> [ArchiveEntry] {
    try (0..<count).map {
      ArchiveEntry(
        name: "train/\(folder)/\($0).png",
        bytes: try picture($0 + 100 * Int(folder.utf8.first ?? 0)).png())
    }
  }

  @Test(arguments: ["cat", "gzip", "zstd"])
  func `tars one after the other are all read`(program: String) throws {
    let (first, second) = (tar(try entries("a", 7)), tar(try entries("b", 5)))
    func packed(_ bytes: [UInt8]) throws -> [UInt8] {
      program == "cat" ? bytes : try piped(bytes, through: program)
    }
    let expected = (0..<7).map { "train/a/\($0).png" } + (0..<5).map { "train/b/\($0).png" }
    for both in [try packed(first) + packed(second), try packed(first + second)] {
      let (report, names) = try admitted(both)
      #expect(names == expected)
      #expect(report.archiveFaults == [] && report.rejectedCount == 0)
    }
  }

  @Test(arguments: [false, true])
  func `a tar without its end mark is told`(isPacked: Bool) throws {
    let cut = tar(try entries("a", 7), hasEnd: false)
    let (report, names) = try admitted(isPacked ? piped(cut, through: "gzip") : cut)
    #expect(names.count == 7 && report.archiveFaults.map(\.code) == [.noEndMark])
    #expect(report.advice.contains { $0.contains("without its end mark, at byte \(cut.count)") })
  }

  @Test func `a damaged header is told once, and what stands behind it is read`() throws {
    let all = try entries("a", 7)
    var bytes = tar(all)
    let start = tar(Array(all.prefix(3)), hasEnd: false).count
    bytes[start + 130] ^= 1
    let (report, names) = try admitted(bytes)
    #expect(names == [0, 1, 2, 4, 5, 6].map { "train/a/\($0).png" })
    #expect(report.rejectedCount == 0)
    #expect(report.archiveFaults.map(\.code) == [.damagedHeader])
    let lost = tar([all[3]], hasEnd: false).count
    let detail = try #require(report.archiveFaults.first).detail
    #expect(
      detail.contains("\(lost) bytes from byte \(start) on, after train/a/2.png"), "\(detail)")
  }

  @Test func `bytes behind a tar's end, packed or not, are told`() throws {
    let whole = tar(try entries("a", 3))
    let other = [UInt8](repeating: 7, count: 5000)
    let plain = try admitted(whole + other).0
    #expect(plain.accepted == 3 && plain.archiveFaults.map(\.code) == [.damagedHeader])
    let few = try admitted(whole + other.prefix(100)).0
    #expect(few.accepted == 3 && few.archiveFaults.map(\.code) == [.bytesAfterEnd])
    let packed = try admitted(piped(whole, through: "gzip") + other).0
    #expect(packed.accepted == 3 && packed.archiveFaults.map(\.code) == [.bytesAfterEnd])
    let zeros = [UInt8](repeating: 0, count: 8192)
    #expect(try admitted(whole + zeros).0.archiveFaults == [])
  }

  @Test func `an archive that ends within a picture is refused with the place`() throws {
    let all = tar(try entries("a", 3))
    // Within the first picture's bytes, and within the second one's header.
    for count in [1000, tar([try entries("a", 1)[0]], hasEnd: false).count + 100] {
      let error = #expect(throws: AdmissionError.self) { try admitted(Array(all.prefix(count))) }
      #expect(error?.code == "broken_archive")
      #expect(error?.description.contains("train/a/0.png") == true, "\(String(describing: error))")
    }
  }

  @Test func `names are bytes: what looks the same is two, what is no UTF-8 is kept`() throws {
    func name(_ bytes: [UInt8]) -> [UInt8] { Array("train/a/".utf8) + bytes + Array(".png".utf8) }
    let names = [
      Array("\u{E9}".utf8), Array("e\u{301}".utf8), [0xE9], [0x95, 0x5C], [0xE9, 0xE8],
    ]
    let (report, found) = try admitted(
      tar(
        try names.enumerated().map {
          ArchiveEntry(nameBytes: name($1), bytes: try picture($0).png())
        }))
    let expected = ["\u{E9}", "e\u{301}", "%E9", "%95\\", "%E9%E8"].map { "train/a/\($0).png" }
    #expect(found.map { Array($0.utf8) } == expected.map { Array($0.utf8) })
    #expect(report.rejectedCount == 0)
  }

  /// GNU's and pax' ways to write names that are long or not ASCII.
  @Test func `a pax header's name is taken as it stands`() throws {
    let path = "train/a/e\u{301}/猫.png"
    let field = " path=\(path)\n"
    let length = field.utf8.count + 2
    let pax = ArchiveEntry(name: "pax", bytes: Array("\(length)\(field)".utf8), type: "x")
    let (report, names) = try admitted(
      tar([pax, ArchiveEntry(name: "short.png", bytes: try picture(1).png())]))
    #expect(names.map { Array($0.utf8) } == [Array(path.utf8)])
    #expect(report.rejectedCount == 0)
  }
}
