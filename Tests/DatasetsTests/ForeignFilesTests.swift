import Foundation
import Glibc
import Images
import Testing

@testable import Datasets

/// What stands among the pictures and is none, or is one of another kind.
@Suite struct ForeignFilesTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  func admitted(_ entries: [ArchiveEntry]) throws -> AdmissionReport {
    let path = try directory.write(tar(entries), to: "source.tar")
    return try admit(
      source: DatasetSource(path: path), into: directory.path + "/admitted", threads: 2)
  }

  static let systems: [(name: String, reason: String)] = [
    ("@eaDir/1.png/SYNOPHOTO_THUMB_M.png", "Synology metadata"),
    ("__MACOSX/1.png", "macOS metadata"),
    ("._1.png", "macOS metadata"), (".DS_Store", "macOS metadata"),
    ("Thumbs.db", "Windows metadata"), ("System Volume Information/1.png", "Windows metadata"),
    ("$RECYCLE.BIN/S-1-5/1.png", "trash"), (".Trashes/501/1.png", "trash"),
    ("#recycle/1.png", "trash"), ("lost+found/1.png", "file system metadata"),
    (".git/objects/1.png", "version control"),
    (".ipynb_checkpoints/1-checkpoint.png", "notebook checkpoints"),
    (".thumbnails/normal/1.png", "thumbnails"), (".@__thumb/1.png", "QNAP metadata"),
    (".cache/1.png", "hidden"), ("notes.txt", "not a picture"),
  ]

  @Test(arguments: [false, true])
  func `private folders of systems are skipped and counted by the reason`(isFolder: Bool) throws {
    let entries = try Self.systems.enumerated().map { number, one in
      ArchiveEntry(name: "set/a/\(one.name)", bytes: try picture(number).png())
    }
    let own = ["set/a/1.png", "set/b/2.png", "set/trash/3.png", "set/recycled/4.png"]
    let all =
      try own.enumerated().map { ArchiveEntry(name: $1, bytes: try picture(100 + $0).png()) }
      + entries.dropLast() + [ArchiveEntry(name: "set/a/notes.txt", bytes: Array("x".utf8))]
    let report: AdmissionReport
    if isFolder {
      for entry in all { try directory.write(entry.bytes, to: "source/" + entry.name) }
      report = try admit(
        source: .folder(path: directory.path + "/source"), into: directory.path + "/d")
    } else {
      report = try admitted(all)
    }
    #expect(report.accepted == own.count && report.rejectedCount == 0)
    let expected = Dictionary(Self.systems.map { ($0.reason, 1) }) { $0 + $1 }
    #expect(report.skippedReasons == expected)
    #expect(report.skippedCount == Self.systems.count)
  }

  @Test func `a folder's names that are no UTF-8 are read and shown by a rule`() throws {
    try directory.write(try picture(1).png(), to: "source/a/1.png")
    let bytes = try picture(2).png()
    let path = BytePath(directory.path + "/source/a").appending([0xE9] + Array(".png".utf8))
    let file = unsafe path.withCString { unsafe fopen($0, "w") }
    #expect(unsafe fwrite(bytes, 1, bytes.count, file) == bytes.count)
    unsafe fclose(file)
    let into = directory.path + "/d"
    let report = try admit(source: .folder(path: directory.path + "/source"), into: into)
    #expect(report.accepted == 2 && report.rejectedCount == 0)
    #expect(try Pack(directory: into)[1].name == "a/%E9.png")
  }

  @Test func `a picture of a format that is not read is named with the way out`() throws {
    let heic = little(24, 4).reversed() + Array("ftypheic".utf8) + [UInt8](repeating: 0, count: 600)
    let report = try admitted([
      ArchiveEntry(name: "a/1.png", bytes: try picture(1).png()),
      ArchiveEntry(name: "a/IMG_1.jpg", bytes: heic), ArchiveEntry(name: "a/IMG_2", bytes: heic),
      ArchiveEntry(name: "a/page.jpg", bytes: Array("\n<!DOCTYPE html><html>".utf8)),
      ArchiveEntry(name: "a/more.zip", bytes: Array("PK\u{3}\u{4}...".utf8)),
      ArchiveEntry(name: "a/zero.png", bytes: [UInt8](repeating: 0, count: 100)),
    ])
    #expect(report.accepted == 1)
    #expect(report.rejected.map(\.name) == ["a/IMG_1.jpg", "a/IMG_2", "a/page.jpg", "a/zero.png"])
    for (rejection, words) in zip(
      report.rejected, ["HEIC", "heif-convert", "HTML", "All 100 bytes are zero"])
    {
      #expect(rejection.code == .unsupportedFormat && rejection.detail.contains(words))
    }
    #expect(report.skippedReasons == ["archive": 1])
    #expect(report.advice.contains { $0.contains("an archive") })
  }

  @Test(arguments: [(4095, 12), (1023, 10), (65535, 16), (40000, 16)])
  func `pictures of 16 bits that use few of them are told, with the scaling`(
    greatest: Int, bits: Int
  ) throws {
    let report = try admitted(
      (1...4).map {
        ArchiveEntry(
          name: "a/\($0).png",
          bytes: evenPNG(width: 20, height: 20, bits: 16, channels: 1, value: greatest * $0 / 4))
      } + [ArchiveEntry(name: "a/5.png", bytes: try picture(1).png())])
    #expect(report.sixteenBitCount == 4 && report.sixteenBitUsedBits == bits)
    let told = report.advice.filter { $0.contains("16 bits per sample") }
    #expect(told.count == (bits < 15 ? 1 : 0))
    if bits < 15 { #expect(told[0].contains("multiply \(1 << (16 - bits))")) }
  }

  @Test func `an even PNG of the test's own is what its numbers say`() throws {
    let image = try decode(evenPNG(width: 7, height: 5, value: 9))
    #expect(image == Raster(width: 7, height: 5, pixels: Array(repeating: 9, count: 105)))
  }
}
