import Foundation
import JSONTree
import Testing

/// Certificates made by openssl, shown by curl to the real binary.
@Suite(
  .timeLimit(.minutes(3)),
  .enabled(
    if: ["openssl", "curl"].allSatisfy {
      FileManager.default.isExecutableFile(atPath: "/usr/bin/\($0)")
    },
    "It needs the programs openssl and curl."))
struct ClientCertificateTests {
  private let folder: FreshFolder

  init() throws {
    folder = try FreshFolder()
    for authority in ["ca", "other-ca"] {
      try openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
        "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
        "\(authority).key", "-out", "\(authority).pem")
    }
    for (name, authority, days) in [
      ("good", "ca", "2"), ("unknown", "ca", "2"), ("expired", "ca", "-1"),
      ("other", "other-ca", "2"),
    ] {
      try openssl(
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
        "/CN=\(name)", "-keyout", "\(name).key", "-out", "\(name).csr")
      try openssl(
        "x509", "-req", "-in", "\(name).csr", "-CA", "\(authority).pem", "-CAkey",
        "\(authority).key", "-CAcreateserial", "-days", days, "-out", "\(name).pem")
    }
  }

  @discardableResult
  private func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, text: String)
  {
    let (process, output) = (Process(), Pipe())
    process.executableURL = URL(fileURLWithPath: "/usr/bin/" + program)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: bytes, as: UTF8.self))
  }

  private func openssl(_ arguments: String...) throws {
    try #require(try run("openssl", arguments).status == 0, "openssl \(arguments)")
  }

  /// The fingerprint as openssl prints it, with colons.
  private func fingerprint(_ name: String) throws -> String {
    let text = try run(
      "openssl", ["x509", "-noout", "-fingerprint", "-sha256", "-in", "\(name).pem"]
    ).text
    return try #require(text.split(separator: "=").last.map { String($0.dropLast()) })
  }

  private func addKey(_ name: String, _ arguments: [String]) throws -> String {
    let (status, text) = try ServiceProcess.run(
      ["keys", "add", name, "--data", folder.path + "/data"] + arguments)
    #expect(status == 0, "\(text)")
    return text
  }

  /// The status of an answer; nil where the connection is refused.
  private func status(
    _ address: String, _ path: String, certificate: String? = nil, secret: String? = nil
  ) throws -> Int? {
    var arguments = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", "server.pem"]
    if let certificate {
      arguments += ["--cert", "\(certificate).pem", "--key", "\(certificate).key"]
    }
    if let secret { arguments += ["-H", "Authorization: Bearer \(secret)"] }
    let answer = try run("curl", arguments + [address + path])
    return answer.status == 0 ? Int(answer.text) : nil
  }

  private func service(_ arguments: [String]) async throws -> (ServiceProcess, String) {
    for kind in ["key", "pem"] {
      try? FileManager.default.copyItem(
        atPath: "\(folder.path)/ca.\(kind)", toPath: "\(folder.path)/server.\(kind)")
    }
    let service = try await ServiceProcess(
      data: folder.path + "/data",
      arguments: [
        "--tls-cert", folder.path + "/server.pem", "--tls-key", folder.path + "/server.key",
        "--tls-client-ca", folder.path + "/ca.pem",
      ] + arguments)
    return (service, service.address.replacing("127.0.0.1", with: "localhost"))
  }

  @Test func `a certificate is a key with roles, and every other one is refused`() async throws {
    let text = try addKey("camera", ["--role", "train", "--certificate", try fingerprint("good")])
    #expect(!text.contains("byol_"))
    let secret = try #require(
      try addKey("reader", ["--role", "read"]).firstMatch(of: #/byol_[0-9a-f]{64}/#).map {
        String($0.0)
      })
    _ = try addKey("past", ["--role", "read", "--certificate", try fingerprint("expired")])
    _ = try addKey("stranger", ["--role", "admin", "--certificate", try fingerprint("other")])
    let (service, address) = try await service(["--tls-client-optional"])
    #expect(try status(address, "/v1/runs", certificate: "good") == 200)
    #expect(try status(address, "/v1/models/x", certificate: "good") == 404)
    // Signed by the authority and no key: known to nobody.
    #expect(try status(address, "/v1/runs", certificate: "unknown") == 401)
    // Of keys of this service, but not of its authority, or past their end: refused before a request.
    #expect(try status(address, "/v1/runs", certificate: "other") == nil)
    #expect(try status(address, "/v1/runs", certificate: "expired") == nil)
    // Without one a secret is needed, and a secret goes before a certificate.
    #expect(try status(address, "/v1/runs") == 401)
    #expect(try status(address, "/livez") == 200)
    #expect(try status(address, "/v1/runs", secret: secret) == 200)
    #expect(try status(address, "/v1/runs", certificate: "unknown", secret: secret) == 200)
    #expect(try status(address, "/v1/runs", certificate: "good", secret: "byol_") == 401)

    // At SIGHUP the authorities are read again.
    try FileManager.default.removeItem(atPath: folder.path + "/ca.pem")
    try FileManager.default.copyItem(
      atPath: folder.path + "/other-ca.pem", toPath: folder.path + "/ca.pem")
    kill(service.identifier, SIGHUP)
    _ = try await eventually("the new authority", within: .seconds(20)) {
      try status(address, "/v1/runs", certificate: "other") == 200 ? true : nil
    }
    #expect(try status(address, "/v1/runs", certificate: "good") == nil)
    #expect(
      try ServiceProcess.run(["keys", "revoke", "stranger", "--data", folder.path + "/data"])
        .status == 0)
    _ = try await eventually("the key being revoked", within: .seconds(20)) {
      try status(address, "/v1/runs", certificate: "other") == 401 ? true : nil
    }
    #expect(service.end(SIGTERM) == 0)
    let list = try ServiceProcess.run(["keys", "list", "--data", folder.path + "/data"]).text
    #expect(list.contains("camera: train; the certificate "))
  }

  @Test func `where certificates are required nobody is served without`() async throws {
    let text = try addKey("reader", ["--role", "read"])
    let secret = try #require(
      text.firstMatch(of: #/byol_[0-9a-f]{64}/#).map { String($0.0) })
    let (service, address) = try await service([])
    #expect(try status(address, "/livez") == nil)
    #expect(try status(address, "/v1/runs", secret: secret) == nil)
    #expect(try status(address, "/v1/runs", certificate: "unknown", secret: secret) == 200)
    #expect(service.end(SIGTERM) == 0)
  }
}
