import Durability

/// A key as its holder has it: `byol_` and 64 hexadecimal digits, of which each is random.
///
/// The first letters let scanners of repositories and logs find a secret that was published by mistake.
public struct KeySecret: Sendable {
  /// What stands before the digits.
  public static let prefix = "byol_"
  private static let digitCount = 64

  /// The whole, as it is sent.
  public let text: String

  /// A new secret of 256 random bits.
  ///
  /// - Parameter generator: A generator that nobody can predict, such as the system's.
  public init(using generator: inout some RandomNumberGenerator) {
    let words = (0..<4).map { _ in
      let digits = String(generator.next() as UInt64, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }
    text = KeySecret.prefix + words.joined()
  }

  /// A secret as it was sent; nil where it has not the form of one, which tells nothing of any key.
  public init?(_ text: Substring) {
    guard text.utf8.count == KeySecret.prefix.utf8.count + KeySecret.digitCount,
      text.hasPrefix(KeySecret.prefix),
      text.utf8.dropFirst(KeySecret.prefix.utf8.count).allSatisfy({
        (0x30...0x39).contains($0) || (0x61...0x66).contains($0)
      })
    else { return nil }
    self.text = String(text)
  }

  /// What is kept of it.
  public var digest: KeyDigest { KeyDigest(of: self) }
}

/// The SHA-256 of a secret: all that the service keeps.
///
/// A fast hash is right here, and a slow one such as Argon2 would be wrong. Slow hashes make up for passwords that can be
/// guessed; a secret of 256 random bits cannot be, however fast a guess is checked, and every request is checked.
public struct KeyDigest: Hashable, Sendable, Codable {
  private let words: SIMD4<UInt64>

  /// The digest of a secret.
  init(of secret: KeySecret) {
    guard let digest = KeyDigest(hex: SHA256.hexDigest(of: Array(secret.text.utf8))) else {
      preconditionFailure("A SHA-256 has 64 digits.")
    }
    self = digest
  }

  /// A digest from its 64 lower-case hexadecimal digits.
  init?(hex: String) {
    guard hex.utf8.count == 64, hex.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
    var words = SIMD4<UInt64>()
    var rest = hex[...]
    for index in 0..<4 {
      guard let word = UInt64(rest.prefix(16), radix: 16) else { return nil }
      words[index] = word
      rest = rest.dropFirst(16)
    }
    self.words = words
    // A sign or a capital reads as a number too, and is not what is written.
    guard self.hex == hex else { return nil }
  }

  /// The fingerprint of a certificate from its hexadecimal digits, with colons between pairs or without, as OpenSSL prints it.
  public init?(fingerprint text: String) {
    guard text.utf8.count <= 95 else { return nil }
    let pairs = text.split(separator: ":", omittingEmptySubsequences: false)
    guard pairs.count == 1 || pairs.allSatisfy({ $0.utf8.count == 2 }) else { return nil }
    self.init(hex: pairs.joined().lowercased())
  }

  /// The 64 lower-case hexadecimal digits.
  public var hex: String {
    (0..<4).map { index in
      let digits = String(words[index], radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  /// The bits in which two digests differ; 0 where they are the same. It takes as long wherever they differ.
  func difference(from other: KeyDigest) -> UInt64 {
    let bits = words ^ other.words
    return bits[0] | bits[1] | bits[2] | bits[3]
  }

  /// Decodes the digits.
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let digest = KeyDigest(hex: text) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "That is no SHA-256."))
    }
    self = digest
  }

  /// Encodes the digits.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(hex)
  }
}
