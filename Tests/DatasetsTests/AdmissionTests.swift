import Foundation
import Images
import Testing

@testable import Datasets

@Suite struct AdmissionTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  var into: String { directory.path + "/admitted" }

  func admitArchive(
    _ bytes: [UInt8], limits: AdmissionLimits = AdmissionLimits(), threads: Int = 2
  ) throws -> AdmissionReport {
    let path = try directory.write(bytes, to: "source")
    return try admit(
      source: DatasetSource(path: path), into: into, limits: limits, threads: threads)
  }

  /// Every kind of source, holding the same entries.
  enum Kind: String, CaseIterable { case folder, tar, tarGz, tarZst, zip }

  @Test(arguments: Kind.allCases)
  func `folders are labels and splits in every kind of source`(kind: Kind) throws {
    let entries = try labelledEntries()
    let report: AdmissionReport
    switch kind {
    case .folder:
      for entry in entries { try directory.write(entry.bytes, to: "source/" + entry.name) }
      report = try admit(
        source: DatasetSource(path: directory.path + "/source"), into: into, threads: 2)
    case .tar: report = try admitArchive(tar(entries))
    case .tarGz: report = try admitArchive(piped(tar(entries), through: "gzip"))
    case .tarZst: report = try admitArchive(piped(tar(entries), through: "zstd"))
    case .zip: report = try admitArchive(try zip(entries))
    }
    #expect(report.accepted == 8)
    #expect(report.splits == ["train": 6, "test": 2])
    #expect(
      report.labels == [
        .init(name: "cat", train: 3, validation: 0, test: 1),
        .init(name: "dog", train: 3, validation: 0, test: 1),
      ])
    #expect(report.skipped == [.init(name: "set/README.txt", reason: "not a picture")])
    #expect(report.rejectedCount == 0)
    #expect(try directory.names() == ["admitted", "source"])

    let pack = try Pack(directory: into)
    #expect(pack.count == 8 && pack.labels == ["cat", "dog"])
    #expect(try storedReport(into) == report)
    let index = try #require((0..<8).first { pack[$0].name == "set/test/dog/0.png" })
    #expect(pack[index].label == 1 && pack[index].split == .test)
    #expect(try pack.image(at: index) == picture(1100))
    #expect(pack.pictures(in: .test).count == 2)
    let dogs = (0..<8).filter { pack[$0].label == 1 }
    #expect(pack.pictures(from: 0, limit: 8) { label, _ in label == 1 } == dogs)
    #expect(pack.pictures(from: dogs[1], limit: 2) { label, _ in label == 1 } == Array(dogs[1...2]))
    #expect(pack.pictures(from: 8, limit: 8) { _, _ in true } == [])
  }

  @Test func `the pack's bytes do not depend on the number of threads`() throws {
    let entries = try labelledEntries(trainPerLabel: 40)
    var packs: [[Data]] = []
    for threads in [1, 2, 5] {
      let fresh = try TemporaryDirectory()
      let path = try fresh.write(tar(entries), to: "source.tar")
      try admit(source: .archive(path: path), into: fresh.path + "/d", threads: threads)
      packs.append(
        try ["pack", "index", "report.json"].map {
          try Data(contentsOf: URL(fileURLWithPath: fresh.path + "/d/" + $0))
        })
    }
    #expect(packs[0] == packs[1] && packs[0] == packs[2])
  }

  @Test func `one bad picture is listed and the others are admitted`() throws {
    let good = try picture(1).png()
    let report = try admitArchive(
      tar([
        ArchiveEntry(name: "a/good.png", bytes: good),
        ArchiveEntry(name: "a/cut.png", bytes: Array(good.prefix(good.count / 2))),
        ArchiveEntry(name: "a/empty.jpg"),
        ArchiveEntry(name: "a/text.jpg", bytes: Array("no picture".utf8)),
        ArchiveEntry(name: "a/again.png", bytes: good),
        ArchiveEntry(name: "a/good.png", bytes: try picture(2).png()),
        ArchiveEntry(name: "a/.hidden.png", bytes: good),
        ArchiveEntry(name: "__MACOSX/a/good.png", bytes: good),
      ]))
    #expect(report.accepted == 2)
    #expect(
      report.rejected.map { "\($0.name) \($0.code.rawValue)" } == [
        "a/cut.png truncated", "a/empty.jpg empty", "a/text.jpg unsupported_format",
        "a/good.png duplicate_name",
      ])
    #expect(report.duplicates == [.init(name: "a/again.png", original: "a/good.png")])
    #expect(report.skippedCount == 2)
  }

  @Test func `links, devices and paths that lead out are refused`() throws {
    let good = try picture(1).png()
    let report = try admitArchive(
      tar([
        ArchiveEntry(name: "../out.png", bytes: good),
        ArchiveEntry(name: "/etc/out.png", bytes: good),
        ArchiveEntry(name: "a/../../out.png", bytes: good),
        ArchiveEntry(name: "a/link.png", type: "2", target: "/etc/passwd"),
        ArchiveEntry(name: "a/hard.png", type: "1", target: "a/good.png"),
        ArchiveEntry(name: "a/device.png", type: "3"),
        ArchiveEntry(name: "a", type: "5"),
        ArchiveEntry(name: "a/good.png", bytes: good),
      ]))
    #expect(report.accepted == 1)
    #expect(
      report.rejected.map(\.code) == [
        .unsafePath, .unsafePath, .unsafePath, .link, .link, .notAFile,
      ])
  }

  @Test func `a link in a folder is refused`() throws {
    try directory.write(try picture(1).png(), to: "source/a/1.png")
    try directory.write(try picture(2).png(), to: "elsewhere.png")
    try FileManager.default.createSymbolicLink(
      atPath: directory.path + "/source/a/2.png",
      withDestinationPath: directory.path + "/elsewhere.png")
    let report = try admit(
      source: .folder(path: directory.path + "/source"), into: into, threads: 1)
    #expect(report.accepted == 1 && report.rejected.map(\.code) == [.link])
  }

  @Test func `entries, bytes and paths are bounded`() throws {
    let archive = tar(try labelledEntries())
    var limits = AdmissionLimits()
    limits.entryCount = 8
    #expect(throws: AdmissionError.tooManyEntries(limit: 8)) {
      try admitArchive(archive, limits: limits)
    }
    limits = AdmissionLimits()
    limits.totalByteCount = 4000
    #expect(throws: AdmissionError.tooManyBytes(limit: 4000)) {
      try admitArchive(archive, limits: limits)
    }
    #expect(try directory.names() == ["source"])
    limits = AdmissionLimits()
    limits.pathByteCount = "set/train/cat/0.png".utf8.count - 1
    let report = try admitArchive(archive, limits: limits)
    #expect(report.rejectedCount == 6 && report.rejected[0].code == .unsafePath)
    #expect(report.accepted == 2)
  }

  @Test func `a source without one good picture is refused with its report`() throws {
    let error = #expect(throws: AdmissionError.self) {
      try admitArchive(tar([ArchiveEntry(name: "a.png", bytes: [1, 2, 3])]))
    }
    guard case .noPictures(let report) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(report.rejected.map(\.code) == [.unsupportedFormat])
    #expect(try directory.names() == ["source"])
  }

  @Test func `a broken archive and what is none are refused`() throws {
    let packed = try piped(tar(try labelledEntries(trainPerLabel: 80)), through: "gzip")
    let broken = #expect(throws: AdmissionError.self) {
      try admitArchive(Array(packed.prefix(packed.count / 2)))
    }
    #expect(broken?.code == "broken_archive")
    let text = #expect(throws: AdmissionError.self) {
      try admitArchive(Array(repeating: UInt8(ascii: "x"), count: 3000))
    }
    #expect(text?.code == "unsupported_archive")
    #expect(throws: AdmissionError.self) { try DatasetSource(path: directory.path + "/nothing") }
  }

  @Test func `large pictures are kept as JPEG no larger than training can use`() throws {
    let jpeg = try picture(3, width: 300, height: 200).jpeg()
    let report = try admitArchive(
      tar([
        ArchiveEntry(name: "kept.jpg", bytes: jpeg),
        ArchiveEntry(name: "large.png", bytes: try picture(4, width: 900, height: 600).png()),
      ]))
    #expect(report.accepted == 2)
    #expect(report.sizes == [.init(shortSide: 128, count: 1), .init(shortSide: 512, count: 1)])
    let pack = try Pack(directory: into)
    #expect(pack[0].storage == .jpeg)
    #expect(try pack.image(at: 0) == decode(jpeg))
    #expect((pack[1].width, pack[1].height) == (768, 512))
  }
}
