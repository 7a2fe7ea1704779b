import Access
import ArgumentParser
import Durability
import Foundation
import Identifiers
import JSONTree

/// `byol keys`: who may ask a service for what.
struct KeysCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "Make, list and revoke the keys of a service.",
    discussion: """
      As long as a data folder has no keys, its service answers everybody who reaches it, and listens on this machine \
      only. From the first key on it answers holders of keys alone. A change is in force within a second, in a service \
      that runs too.
      """, subcommands: [KeysAdd.self, KeysList.self, KeysRevoke.self])
}

/// The file of keys that a command is about.
struct KeysOptions: ParsableArguments {
  @Option(help: "The data folder of the service.")
  var data = "./byol-data"

  @Flag(help: "Print JSON.")
  var json = false

  var file: KeyFile { KeyFile(dataFolder: data) }

  /// Changes the keys.
  ///
  /// - Throws: an exit code, after a sentence.
  func change(_ change: (inout KeyRing) throws(KeyRingError) -> Void) throws {
    do throws(KeyFileError) {
      try file.change(change)
    } catch {
      if case .ring = error { throw refusal("\(error)") }
      throw refusal("\(error)", code: .failure)
    }
  }
}

/// `byol keys add`
struct KeysAdd: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add", abstract: "Make a key and print it, once: only its digest is kept.",
    discussion: """
      byol keys add camera-7 --role embed --expires 90d --requests-per-second 20

      Clients send it as `Authorization: Bearer byol_…`; clients of OpenAI's API take it as their API key.
      """)

  @Argument(help: "A name for logs and metrics: letters, digits and . _ - @")
  var name: String

  @Option(
    name: .customLong("role"),
    help: """
      What its holder may do, repeatable: read sees everything, embed sends pictures to be embedded or searched for, \
      train makes, changes and removes datasets, runs, evaluations and indexes, admin may do everything. Each includes \
      read.
      """, transform: AccessRole.init(argument:))
  var roles: [AccessRole] = []

  @Option(
    help: ArgumentHelp(
      """
      Make a client's certificate the key, instead of a secret: its SHA-256 fingerprint, as `openssl x509 -noout \
      -fingerprint -sha256 -in client.pem` prints it. The service needs --tls-client-ca.
      """))
  var certificate: Fingerprint?

  @Option(help: "How long it is good for, such as 90d, 12h or 30m; default: until it is revoked.")
  var expires: Expiry?

  @Option(help: "Requests per second in the long run; default: as many as come.")
  var requestsPerSecond: Double?

  @Option(help: "Requests at a time, open streams of events included; default: as many as come.")
  var requestsInFlight: Int?

  @Option(
    help: "Bytes on disk of all datasets and runs that it makes, such as 20GB; default: no bound.")
  var disk: ByteCount?

  @Option(
    help:
      "Hours per day of UTC that its runs may train, all together, such as 8; default: no bound.")
  var trainingHoursPerDay: Double?

  @OptionGroup var options: KeysOptions

  mutating func validate() throws {
    if roles.isEmpty { throw ValidationError("--role is missing: read, embed, train or admin.") }
  }

  func run() throws {
    var generator = SystemRandomNumberGenerator()
    let secret = KeySecret(using: &generator)
    let now = Timestamp.now()
    let key = AccessKey(
      name: name, digest: certificate?.digest ?? secret.digest,
      kind: certificate == nil ? nil : .certificate,
      roles: AccessRole.allCases.filter(roles.contains), createdAt: now,
      expiresAt: expires.map { now.adding(seconds: $0.seconds) },
      limits: KeyLimits(
        requestsPerSecond: requestsPerSecond, requestsInFlight: requestsInFlight,
        diskBytes: disk?.bytes, trainingHoursPerDay: trainingHoursPerDay))
    // A service with `--data` on a new folder makes it the same way.
    try? FileManager.default.createDirectory(
      atPath: options.data, withIntermediateDirectories: true)
    try options.change { (ring) throws(KeyRingError) in try ring.add(key) }
    if options.json {
      var object = key.shown(lastUse: nil)
      if certificate == nil { object["key"] = .string(secret.text) }
      return print(JSONValue.object(object))
    }
    guard certificate == nil else { return say("The certificate is the key \(name).") }
    say("The key \(name), printed this once; it cannot be shown again:")
    print(secret.text)
  }
}

/// `byol keys list`
struct KeysList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the keys of a service, without their secrets.")

  @OptionGroup var options: KeysOptions

  func run() throws {
    let ring: KeyRing
    do throws(DamagedKeys) {
      ring = try options.file.read() ?? KeyRing()
    } catch {
      throw refusal("\(KeyFileError.damaged(options.file.path, error))", code: .failure)
    }
    let uses = options.file.lastUses()
    if options.json {
      let keys = ring.keys.map { JSONValue.object($0.shown(lastUse: $0.lastUse(in: uses))) }
      return print(JSONValue.object(["object": "list", "data": .array(keys)]))
    }
    if ring.keys.isEmpty { say("There are no keys.") }
    for key in ring.keys { print(key.line(lastUse: key.lastUse(in: uses), at: .now())) }
  }
}

/// `byol keys revoke`
struct KeysRevoke: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke",
    abstract: "Make a key good for nothing, within a second, streams that are open included.",
    discussion: """
      The service stays closed when its last key is revoked. To open it again to everybody on this machine, stop it, \
      remove keys.json from the data folder and start it.
      """)

  @Argument(help: "The key's name.")
  var name: String

  @OptionGroup var options: KeysOptions

  func run() throws {
    try options.change { (ring) throws(KeyRingError) in try ring.remove(name) }
    if options.json { return print(JSONValue.object(["revoked": .string(name)])) }
    say("The key \(name) is revoked.")
  }
}

/// A number of bytes, with a decimal unit or without.
struct ByteCount: ExpressibleByArgument {
  let bytes: Int

  init?(argument: String) {
    let units = [
      ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000),
    ]
    let unit = units.first { argument.hasSuffix($0.0) }
    guard let count = Int(argument.dropLast(unit?.0.count ?? 0)), count > 0 else { return nil }
    let (bytes, isTooMuch) = count.multipliedReportingOverflow(by: unit?.1 ?? 1)
    if isTooMuch { return nil }
    self.bytes = bytes
  }
}

/// The SHA-256 of a certificate's DER form.
struct Fingerprint: ExpressibleByArgument {
  let digest: KeyDigest

  init?(argument: String) {
    guard let digest = KeyDigest(fingerprint: argument) else { return nil }
    self.digest = digest
  }
}

/// A number of minutes, hours or days.
struct Expiry: ExpressibleByArgument {
  let seconds: Double

  init?(argument: String) {
    let units: [Character: Double] = ["m": 60, "h": 3600, "d": 86_400]
    let longest = Double(AccessLimits.expiryDays.upperBound) * 86_400
    guard let unit = argument.last.flatMap({ units[$0] }), let count = Int(argument.dropLast()),
      count > 0, Double(count) * unit <= longest
    else { return nil }
    seconds = Double(count) * unit
  }
}

extension AccessRole {
  /// The role of a name.
  ///
  /// - Throws: `ValidationError` with those that there are.
  fileprivate init(argument: String) throws {
    guard let role = AccessRole(rawValue: argument) else {
      let words = AccessRole.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("A role is one of \(words).")
    }
    self = role
  }
}

extension AccessKey {
  /// When the key was last used: a use before it was made was another's of the same name.
  fileprivate func lastUse(in uses: [String: Timestamp]) -> Timestamp? {
    uses[name].flatMap { $0 >= createdAt ? $0 : nil }
  }

  /// The key without its digest.
  fileprivate func shown(lastUse: Timestamp?) -> JSONObject {
    [
      "name": .string(name), "roles": .array(roles.map { .string($0.rawValue) }),
      "certificate_sha256": kind == .certificate ? .string(digest.hex) : .null,
      "created_at": .string(createdAt.description),
      "expires_at": expiresAt.map { .string($0.description) } ?? .null,
      "last_used_at": lastUse.map { .string($0.description) } ?? .null,
      "requests_per_second": limits.requestsPerSecond.map { .number($0) } ?? .null,
      "requests_in_flight": limits.requestsInFlight.map { .integer(Int64($0)) } ?? .null,
      "disk_bytes": limits.diskBytes.map { .integer(Int64($0)) } ?? .null,
      "training_hours_per_day": limits.trainingHoursPerDay.map { .number($0) } ?? .null,
    ]
  }

  /// The key in one line for people.
  fileprivate func line(lastUse: Timestamp?, at time: Timestamp) -> String {
    var parts = ["\(name): \(roles.map(\.rawValue).joined(separator: ", "))"]
    if kind == .certificate { parts.append("the certificate \(digest.hex)") }
    if let expiresAt {
      parts.append("\(isExpired(at: time) ? "expired" : "expires") \(expiresAt)")
    }
    if let rate = limits.requestsPerSecond { parts.append("\(rate) requests per second") }
    if let count = limits.requestsInFlight { parts.append("\(count) requests at a time") }
    if let bytes = limits.diskBytes { parts.append("\(bytes) bytes on disk") }
    if let hours = limits.trainingHoursPerDay {
      parts.append("\(hours) hours of training per day")
    }
    parts.append("made \(createdAt)")
    parts.append(lastUse.map { "last used \($0)" } ?? "never used")
    return parts.joined(separator: "; ")
  }
}
