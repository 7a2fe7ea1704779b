import Durability
import FaultyDisk
import Foundation
import Identifiers
import Testing

@testable import Access

/// Keys, their secrets, and the file that they are in.
@Suite struct `Keys` {
  @Test(arguments: AccessRole.allCases, AccessRole.allCases)
  func `a role includes read, and admin includes all`(role: AccessRole, needed: AccessRole) {
    let included: [AccessRole: Set<AccessRole>] = [
      .read: [.read], .embed: [.read, .embed], .train: [.read, .train],
      .admin: [.read, .embed, .train, .admin],
    ]
    #expect(role.includes(needed) == included[role]?.contains(needed))
    #expect(key("a", [role]).includes(needed) == included[role]?.contains(needed))
  }

  @Test func `a secret has 256 random bits and its digest is SHA-256`() throws {
    let text = secret().text
    #expect(text.hasPrefix("byol_") && text.utf8.count == 69)
    #expect(secret(1).text == text && secret(2).text != text)
    #expect(secret().digest.hex == SHA256.hexDigest(of: Array(text.utf8)))
    var generator = SystemRandomNumberGenerator()
    let many = Set((0..<100).map { _ in KeySecret(using: &generator).text })
    #expect(many.count == 100)
    let again = try #require(KeySecret(text[...]))
    #expect(again.digest == secret().digest)
  }

  @Test func `what has not the form of a secret is none`() {
    let text = secret().text
    let others = [
      "", "byol_", String(text.dropLast()), text + "0", text.uppercased(),
      "BYOL_" + text.dropFirst(5), "byol_" + String(repeating: "g", count: 64),
      "byol_" + String(repeating: "é", count: 32), String(repeating: "0", count: 10_000_000),
    ]
    for other in others { #expect(KeySecret(other[...]) == nil, "\(other.prefix(80))") }
  }

  @Test func `digests are compared to their last bit, and a search looks at every key`() throws {
    let digest = secret().digest
    #expect(digest.difference(from: digest) == 0)
    for place in 0..<64 {
      var digits = Array(digest.hex)
      digits[place] = digits[place] == "0" ? "1" : "0"
      let other = try #require(KeyDigest(hex: String(digits)))
      #expect(digest.difference(from: other) != 0, "\(place)")
    }
    var ring = KeyRing()
    for seed in 1...20 { try ring.add(key("k\(seed)", seed: UInt64(seed))) }
    for seed in [1, 10, 20, 21] as [UInt64] {
      let (place, compared) = ring.place(of: secret(seed).digest)
      #expect(compared == 20)
      #expect(place == (seed <= 20 ? Int(seed) - 1 : nil))
    }
  }

  @Test(arguments: ["", "a b", "a/b", "ä", "a\n", "\"", String(repeating: "a", count: 65)])
  func `a name that could not stand in a log is refused`(name: String) {
    var ring = KeyRing()
    #expect(throws: KeyRingError.self) { try ring.add(key(name)) }
    #expect(ring.keys.isEmpty)
  }

  @Test func `limits out of bounds, no role, and a name that is taken are refused`() throws {
    var ring = KeyRing()
    try ring.add(key("a"))
    for rate in [0, -1, 0.0001, 2_000_000, .infinity, .nan] {
      #expect(throws: KeyRingError.self) {
        try ring.add(key("b", seed: 2, limits: KeyLimits(requestsPerSecond: rate)))
      }
    }
    for count in [0, -1, 100_001] {
      #expect(throws: KeyRingError.self) {
        try ring.add(key("b", seed: 2, limits: KeyLimits(requestsInFlight: count)))
      }
    }
    for hours in [0, -1, 0.001, 1_001, .infinity, .nan] {
      #expect(throws: KeyRingError.self) {
        try ring.add(key("b", seed: 2, limits: KeyLimits(trainingHoursPerDay: hours)))
      }
    }
    #expect(throws: KeyRingError.self) { try ring.add(key("b", [], seed: 2)) }
    #expect(throws: KeyRingError.nameTaken("a")) { try ring.add(key("a", seed: 2)) }
    #expect(throws: KeyRingError.unknown("b")) { try ring.remove("b") }
    #expect(ring.keys == [key("a")])
  }

  @Test func `there are as many keys as the limit says, and their file is in its own`() throws {
    var ring = KeyRing()
    let limits = KeyLimits(requestsPerSecond: 123_456.789, requestsInFlight: 100_000)
    for number in 0..<AccessLimits.keys {
      let name = "k\(number)" + String(repeating: "x", count: 59)
      try ring.add(
        key(
          name, AccessRole.allCases, seed: UInt64(number), expiresAt: Timestamp.now(),
          limits: limits))
    }
    #expect(throws: KeyRingError.full) { try ring.add(key("more", seed: 5_000)) }
    #expect(ring.encoded.count <= AccessLimits.fileByteCount)
    #expect(try KeyRing(decoding: ring.encoded) == ring)
  }
}

@Suite struct `File of keys` {
  private func ring() throws -> KeyRing {
    var ring = KeyRing()
    try ring.add(key("a", [.embed], expiresAt: Timestamp(milliseconds: 2_000_000_000_000)))
    try ring.add(
      key(
        "b", [.admin], seed: 2, limits: KeyLimits(requestsPerSecond: 2.5, trainingHoursPerDay: 7.5))
    )
    return ring
  }

  @Test func `it reads back as it was written, and holds no secret`() throws {
    let ring = try ring()
    #expect(try KeyRing(decoding: ring.encoded) == ring)
    let text = String(decoding: ring.encoded, as: UTF8.self)
    #expect(!text.contains(secret(1).text) && !text.contains(secret(1).text.dropFirst(5)))
  }

  @Test func `a part of it is never taken for the whole`() throws {
    let bytes = try ring().encoded
    for count in 0..<bytes.count {
      #expect(throws: DamagedKeys.self, "\(count)") {
        try KeyRing(decoding: Array(bytes[..<count]))
      }
    }
  }

  @Test(arguments: [
    ("\"format_version\":1", "\"format_version\":2"), ("\"name\":\"a\"", "\"name\":\"b\""),
    ("\"name\":\"a\"", "\"name\":\"a\",\"only_from\":\"10.0.0.1\""),
    ("\"name\":\"a\"", "\"name\":\"a\",\"name\":\"a\""), ("[\"embed\"]", "[]"),
    ("[\"embed\"]", "[\"embed\",\"root\"]"), ("2.5", "-2.5"), ("{\"format", "{\"more\":1,\"format"),
    ("2033-05-18", "2033-05-41"),
  ])
  func `what is not understood damages it`(old: String, new: String) throws {
    let text = String(decoding: try ring().encoded, as: UTF8.self)
    let changed = text.replacing(old, with: new, maxReplacements: 1)
    try #require(changed != text)
    #expect(throws: DamagedKeys.self) { try KeyRing(decoding: Array(changed.utf8)) }
  }

  @Test func `only its owner may read it, whatever a crash has left`() throws {
    let folder = try FreshFolder()
    let leftover = folder.file.path + ".writing"
    try Data("old".utf8).write(to: URL(fileURLWithPath: leftover))
    let open = try FileHandle(forReadingFrom: URL(fileURLWithPath: leftover))
    try folder.file.change { (ring) throws(KeyRingError) in try ring.add(key("a")) }
    let stamp = try #require(try DiskFileSystem().stamp(of: folder.file.path))
    #expect(stamp.permissions == 0o600)
    // Who had the leftover open has nothing of the keys.
    #expect(try open.readToEnd() == Data("old".utf8))
    #expect(!FileManager.default.fileExists(atPath: leftover))
  }

  @Test func `a file that others may write is refused, with what to do`() throws {
    let folder = try FreshFolder()
    try folder.file.change { (ring) throws(KeyRingError) in try ring.add(key("a")) }
    for mode in [0o620, 0o602, 0o666] {
      try FileManager.default.setAttributes(
        [.posixPermissions: mode], ofItemAtPath: folder.file.path)
      let error = #expect(throws: DamagedKeys.self) { try folder.file.read() }
      #expect(error?.reason.contains("chmod 600") == true)
    }
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o640], ofItemAtPath: folder.file.path)
    #expect(try folder.file.read()?.keys.count == 1)
  }

  @Test func `whichever operation fails, the keys are the old or the new`() throws {
    let folder = try FreshFolder()
    var failing = 1
    while true {
      try folder.write(String(decoding: try ring().encoded, as: UTF8.self))
      let fileSystem = FaultyFileSystem(failing: failing)
      let file = KeyFile(dataFolder: folder.path, fileSystem: fileSystem)
      try? file.change { (ring) throws(KeyRingError) in try ring.remove("a") }
      let names = try folder.file.read()?.keys.map(\.name)
      #expect(names == ["a", "b"] || names == ["b"])
      guard fileSystem.hasFailed else {
        #expect(names == ["b"])
        break
      }
      failing += 1
    }
    #expect(failing == 8)
  }

  @Test func `two commands do not change it at once, and a damaged one is left alone`() throws {
    let folder = try FreshFolder()
    let lock = try #require(try FileLock(path: folder.path + "/keys.lock"))
    let busy = #expect(throws: KeyFileError.self) {
      try folder.file.change { (ring) throws(KeyRingError) in try ring.add(key("a")) }
    }
    #expect(busy.map { "\($0)" }?.contains("try again") == true)
    lock.release()
    try folder.write("{")
    let damaged = #expect(throws: KeyFileError.self) {
      try folder.file.change { (ring) throws(KeyRingError) in try ring.add(key("a")) }
    }
    #expect(damaged.map { "\($0)" }?.contains("no file of keys") == true)
    #expect(try DiskFileSystem().read(folder.file.path) == Array("{".utf8))
  }
}
