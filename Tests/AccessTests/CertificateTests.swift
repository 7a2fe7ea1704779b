import Durability
import Foundation
import Identifiers
import Testing

@testable import Access

@Suite struct `Certificates as keys` {
  private let folder: FreshFolder
  private let time = FakeClock()

  init() throws { folder = try FreshFolder() }

  private func certificate(
    _ digest: KeyDigest, endsIn seconds: Double = 3600
  ) throws -> ShownCertificate {
    try #require(
      ShownCertificate(fingerprint: digest.hex, endsAt: time.now.adding(seconds: seconds)))
  }

  private func door(_ keys: AccessKey...) throws -> AccessControl {
    for key in keys {
      try folder.file.change { (ring) throws(KeyRingError) in try ring.add(key) }
    }
    return AccessControl(file: folder.file, clock: time.clock)
  }

  private func certificateKey(
    _ name: String, seed: UInt64, expiresIn seconds: Double? = nil
  ) -> AccessKey {
    AccessKey(
      name: name, digest: secret(seed).digest, kind: .certificate, roles: [.train],
      createdAt: time.now, expiresAt: seconds.map { time.now.adding(seconds: $0) })
  }

  @Test func `a certificate opens what its roles say until it, its key or its entry ends`() throws {
    let door = try door(
      certificateKey("long", seed: 1), certificateKey("short", seed: 2, expiresIn: 60))
    let shown = try certificate(secret(1).digest)
    let pass = try door.admit(authorization: [], certificate: shown, needs: .train)
    #expect(pass.caller == "long" && pass.holds)
    #expect(throws: AccessRefusal.forbidden(key: "long", needs: .admin, has: [.train])) {
      try door.admit(authorization: [], certificate: shown, needs: .admin)
    }
    let short = try certificate(secret(2).digest)
    _ = try door.admit(authorization: [], certificate: short, needs: .read)
    time.pass(60)
    #expect(throws: AccessRefusal.expired(key: "short")) {
      try door.admit(authorization: [], certificate: short, needs: .read)
    }
    time.pass(3540)
    // A connection may outlive the certificate: its requests and its streams do not.
    #expect(throws: AccessRefusal.certificateEnded(key: "long")) {
      try door.admit(authorization: [], certificate: shown, needs: .read)
    }
    #expect(!pass.holds)
    let newer = try certificate(secret(1).digest)
    let other = try door.admit(authorization: [], certificate: newer, needs: .read)
    try folder.file.change { (ring) throws(KeyRingError) in try ring.remove("long") }
    time.pass(1)
    #expect(!other.holds)
    #expect(throws: AccessRefusal.unknownCertificate) {
      try door.admit(authorization: [], certificate: newer, needs: .read)
    }
  }

  @Test func `no secret stands for a certificate, and no certificate for a secret`() throws {
    let door = try door(certificateKey("certificate", seed: 1), key("secret", seed: 2))
    #expect(throws: AccessRefusal.unknown) {
      try door.admit(authorization: ["Bearer \(secret(1).text)"], needs: .read)
    }
    let shown = try certificate(secret(2).digest)
    #expect(throws: AccessRefusal.unknownCertificate) {
      try door.admit(authorization: [], certificate: shown, needs: .read)
    }
    // Who sends a secret means it, whatever the connection shows.
    let good = try certificate(secret(1).digest)
    #expect(throws: AccessRefusal.unknown) {
      try door.admit(
        authorization: ["Bearer \(secret(3).text)"], certificate: good, needs: .read)
    }
    let pass = try door.admit(
      authorization: ["Bearer \(secret(2).text)"], certificate: good, needs: .read)
    #expect(pass.caller == "secret")
    #expect(throws: AccessRefusal.missing) { try door.admit(authorization: [], needs: .read) }
  }

  @Test func `a file of keys keeps which are certificates, and takes each once`() throws {
    var ring = KeyRing()
    try ring.add(certificateKey("a", seed: 1))
    try ring.add(key("b", seed: 2))
    #expect(try KeyRing(decoding: ring.encoded) == ring)
    #expect(ring.keys.map(\.kind) == [.certificate, nil])
    #expect(throws: KeyRingError.self) { try ring.add(certificateKey("c", seed: 1)) }
  }

  @Test func `a fingerprint has 64 digits, with colons between pairs or without`() {
    let hex = secret(1).digest.hex
    let pairs = stride(from: 0, to: 64, by: 2).map { start in
      String(hex.dropFirst(start).prefix(2)).uppercased()
    }
    #expect(KeyDigest(fingerprint: hex) == secret(1).digest)
    #expect(KeyDigest(fingerprint: pairs.joined(separator: ":")) == secret(1).digest)
    for text in ["", ":", hex + "0", String(hex.dropLast()), "sha256:" + hex, hex + ":", " " + hex]
    {
      #expect(KeyDigest(fingerprint: text) == nil, "\(text)")
    }
  }
}
