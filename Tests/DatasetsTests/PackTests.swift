import Datasets
import Foundation
import Images
import Testing

@Suite struct PackTests {
  let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
    let path = try directory.write(tar(try labelledEntries()), to: "source.tar")
    try admit(source: .archive(path: path), into: directory.path + "/d")
  }

  func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: directory.path + "/d/" + name)))
  }

  func open() throws -> Pack { try Pack(directory: directory.path + "/d") }

  @Test func `an untouched pack is whole, and tells its parts`() throws {
    try open().verify()
    #expect(try open().splits == [.train, .test])
  }

  @Test(arguments: ["pack", "index"])
  func `a truncated or lengthened file is refused`(name: String) throws {
    let whole = try bytes(name)
    for count in [0, 7, 15, 63, whole.count / 2, whole.count - 1] {
      try directory.write(Array(whole.prefix(count)), to: "d/" + name)
      #expect(throws: PackError.self) { try open() }
    }
    try directory.write(whole + [0], to: "d/" + name)
    #expect(throws: PackError.self) { try open() }
  }

  @Test func `an index with any bit altered is refused`() throws {
    let whole = try bytes("index")
    for offset in stride(from: 0, to: whole.count, by: 11) {
      var altered = whole
      altered[offset] ^= 0x10
      try directory.write(altered, to: "d/index")
      #expect(throws: PackError.self) { try open() }
    }
  }

  @Test func `an altered picture is found when it is read`() throws {
    var altered = try bytes("pack")
    altered[16 + 5] ^= 1
    try directory.write(altered, to: "d/pack")
    let pack = try open()
    #expect(throws: PackError.alteredPicture(index: 0)) { try pack.image(at: 0) }
    #expect(throws: PackError.alteredPicture(index: 0)) { try pack.verify() }
    #expect(try pack.image(at: 1).width == 24)
  }

  @Test func `a newer format is refused by its number`() throws {
    var newer = try bytes("index")
    newer[8] = 9
    try directory.write(newer, to: "d/index")
    #expect(throws: PackError.newerVersion(found: 9, supported: 2)) { try open() }
  }

  /// Found by `Fuzz/OpenPack`: an index of no pictures whose pack has no room for its own head.
  @Test(arguments: [0, 1, 15])
  func `a pack shorter than its head is refused`(byteCount: UInt8) throws {
    var index = Array("BYOLINDX".utf8) + [2] + [UInt8](repeating: 0, count: 55)
    index[24] = byteCount
    let sum = crc32(index)
    try directory.write(index + (0..<4).map { UInt8(sum >> (8 * $0) & 255) }, to: "d/index")
    try directory.write([UInt8](repeating: 0, count: Int(byteCount)), to: "d/pack")
    #expect(throws: PackError.altered(file: "index")) { try open() }
  }

  @Test func `the index of another pack is refused`() throws {
    var other = try bytes("pack")
    other[9] ^= 1
    try directory.write(other, to: "d/pack")
    #expect(throws: PackError.mismatched) { try open() }
  }
}
