import JSONTree

/// The keys of a service, as its file has them.
public struct KeyRing: Hashable, Sendable {
  /// The keys, oldest first.
  public private(set) var keys: [AccessKey]

  /// A ring of no keys: it refuses everybody.
  public init() { keys = [] }

  /// The key of a secret; nil where there is none.
  ///
  /// All keys are looked at, each as long as the others, so that the time of a refusal tells nothing of any digest.
  public func key(of secret: KeySecret) -> AccessKey? {
    key(of: secret.digest, kind: nil)
  }

  /// The key of a certificate; nil where there is none.
  public func key(of certificate: ShownCertificate) -> AccessKey? {
    key(of: certificate.fingerprint, kind: .certificate)
  }

  /// No secret stands for a certificate and none the other way round.
  private func key(of digest: KeyDigest, kind: AccessKey.Kind?) -> AccessKey? {
    place(of: digest).place.map { keys[$0] }.flatMap { $0.kind == kind ? $0 : nil }
  }

  /// Where a digest stands, and how many keys were compared with it.
  func place(of digest: KeyDigest) -> (place: Int?, compared: Int) {
    var found: Int?
    var compared = 0
    for index in keys.indices {
      if keys[index].digest.difference(from: digest) == 0 { found = index }
      compared += 1
    }
    return (found, compared)
  }

  /// Adds a key.
  ///
  /// - Throws: `KeyRingError`; nothing is changed then.
  public mutating func add(_ key: AccessKey) throws(KeyRingError) {
    if let fault = key.fault { throw .invalid(fault) }
    if key.kind == .certificate, let other = keys.first(where: { $0.digest == key.digest }) {
      throw .invalid("The certificate is the key \(other.name) already; revoke that first.")
    }
    guard !keys.contains(where: { $0.name == key.name || $0.digest == key.digest }) else {
      throw .nameTaken(key.name)
    }
    guard keys.count < AccessLimits.keys else { throw .full }
    keys.append(key)
  }

  /// Takes a key out.
  ///
  /// - Throws: `KeyRingError.unknown`; nothing is changed then.
  public mutating func remove(_ name: String) throws(KeyRingError) {
    guard let index = keys.firstIndex(where: { $0.name == name }) else { throw .unknown(name) }
    keys.remove(at: index)
  }
}

/// Why a ring is not changed as asked.
public enum KeyRingError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The key itself is at fault, in the words of the sentence.
  case invalid(String)
  /// Another key has the name.
  case nameTaken(String)
  /// There is no key of the name.
  case unknown(String)
  /// There are as many keys as there may be.
  case full

  /// What is wrong and what to do.
  public var description: String {
    switch self {
    case .invalid(let fault): fault
    case .nameTaken(let name):
      "There is a key \(name) already; revoke it first, or choose another name."
    case .unknown(let name): "There is no key \(name); `byol keys list` shows those that there are."
    case .full: "There are \(AccessLimits.keys) keys already; revoke one first."
    }
  }
}

// MARK: - The file's text

extension KeyRing {
  /// What the file holds.
  private struct Document: Codable {
    var formatVersion: Int
    var keys: [AccessKey]
  }

  private static let formatVersion = 1

  /// The text of a file of these keys.
  public var encoded: [UInt8] {
    do {
      return try JSONCoding.encode(Document(formatVersion: KeyRing.formatVersion, keys: keys))
    } catch {
      preconditionFailure("Keys without a fault are written: \(error)")
    }
  }

  /// The keys of a file's text.
  ///
  /// - Throws: `DamagedKeys` where it is not exactly what `encoded` writes: a rule that is not understood may be one that
  ///   keeps somebody out.
  public init(decoding bytes: [UInt8]) throws(DamagedKeys) {
    guard bytes.count <= AccessLimits.fileByteCount else {
      throw DamagedKeys("it is longer than \(AccessLimits.fileByteCount) bytes")
    }
    let document: Document
    do {
      // The strict reader refuses a name that comes twice, of which another reader takes the one or the other.
      _ = try JSONValue(parsing: bytes)
      document = try JSONCoding.decode(Document.self, from: bytes)
    } catch {
      throw DamagedKeys("it is not the JSON that `byol keys` writes")
    }
    guard document.formatVersion == KeyRing.formatVersion else {
      throw DamagedKeys(
        "it has the format \(document.formatVersion), and this program reads \(KeyRing.formatVersion)"
      )
    }
    self.init()
    for key in document.keys {
      do throws(KeyRingError) { try add(key) } catch { throw DamagedKeys("\(error)") }
    }
    guard let told = try? JSONValue(parsing: bytes), let ours = try? JSONValue(parsing: encoded),
      told == ours
    else { throw DamagedKeys("it has members that this program does not know") }
  }
}

/// Why a file of keys is not one.
public struct DamagedKeys: Error, Hashable, Sendable, CustomStringConvertible {
  /// The reason, as a part of a sentence about the file.
  public let reason: String

  init(_ reason: String) { self.reason = reason }

  /// The value as text.
  public var description: String { reason }
}
