import COpenSSL
import CSystem
import Glibc
import HTTP
import Testing

// Two self-signed certificates made for these tests alone, valid for a hundred years.
private let firstCertificate = """
  -----BEGIN CERTIFICATE-----
  MIIBmzCCAUGgAwIBAgIUWznqRKTu0UwJDIZbZiBzVQ8MqkkwCgYIKoZIzj0EAwIw
  FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNDA0MTY1MVoYDzIxMjYxMDMx
  MDQxNjUxWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
  PQMBBwNCAAS6KAjgfIjrL8fnOP12dvBoau6zM+cdA64Vh7dOc++e9TdfohKp7qMi
  ULFfUArsI3mwVIZSOV2FDQymPRzxZ6eIo28wbTAdBgNVHQ4EFgQUY7PIaw4NvP7q
  wbuKCkUi8dN3tBwwHwYDVR0jBBgwFoAUY7PIaw4NvP7qwbuKCkUi8dN3tBwwDwYD
  VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
  zj0EAwIDSAAwRQIhAJwPOUMKCH7CPLaTT94v02mxhOGEXXY4hnZ8NKhZkmA7AiB9
  wiDTrovt/0KkzsX5D1MrEuHvYeUwWYKoy4+AA7SfXA==
  -----END CERTIFICATE-----

  """
private let firstKey = """
  -----BEGIN PRIVATE KEY-----
  MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWkx24TZFUFYr0o5w
  GQMPq14QQj3HyDIj2/wmZSB19DahRANCAAS6KAjgfIjrL8fnOP12dvBoau6zM+cd
  A64Vh7dOc++e9TdfohKp7qMiULFfUArsI3mwVIZSOV2FDQymPRzxZ6eI
  -----END PRIVATE KEY-----

  """
private let secondCertificate = """
  -----BEGIN CERTIFICATE-----
  MIIBlDCCATugAwIBAgIUUd50IOzuntgwTwXT7rEyhaYve8YwCgYIKoZIzj0EAwIw
  ETEPMA0GA1UEAwwGc2Vjb25kMCAXDTI2MTEyNDA0MTY1MVoYDzIxMjYxMDMxMDQx
  NjUxWjARMQ8wDQYDVQQDDAZzZWNvbmQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
  AAR9W83L93WhWp5EqG2c/Iw9cNZ3Qzir9FFPEjtOgQ0IRyzcBQ9iEDX3hB/Oc2Tz
  Z0+L+vs5Fh/U/I3vad3VDVzPo28wbTAdBgNVHQ4EFgQUEeR8elyHVyr32EzzsVl+
  iD70/9UwHwYDVR0jBBgwFoAUEeR8elyHVyr32EzzsVl+iD70/9UwDwYDVR0TAQH/
  BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZIzj0EAwID
  RwAwRAIgX0hUt0V4jiDLxb9elfqOzI9Sp496CyMFtYavg8pOC5gCIDrOBenzPaGi
  W4qfrjsh/JiHzuGOuA+6rg1f8QgiCh5S
  -----END CERTIFICATE-----

  """
private let secondKey = """
  -----BEGIN PRIVATE KEY-----
  MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgC/tOlt7g1HVIM3O+
  gac9Ri7d+EPa567+ePxr6xgAGLyhRANCAAR9W83L93WhWp5EqG2c/Iw9cNZ3Qzir
  9FFPEjtOgQ0IRyzcBQ9iEDX3hB/Oc2TzZ0+L+vs5Fh/U/I3vad3VDVzP
  -----END PRIVATE KEY-----

  """

/// The PEM files of one test, removed at its end.
private struct CertificateFiles {
  let folder: String
  var configuration: TLSConfiguration {
    TLSConfiguration(certificatePath: folder + "/cert.pem", keyPath: folder + "/key.pem")
  }

  init() throws {
    folder = "/tmp/http-tls-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    try #require(unsafe mkdir(folder, 0o700) == 0)
    try write(firstCertificate, firstKey)
  }

  func write(_ certificate: String, _ key: String) throws {
    for (name, text) in [("/cert.pem", certificate), ("/key.pem", key)] {
      let file = unsafe open(folder + name, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
      let bytes = Array(text.utf8)
      let count = unsafe bytes.withUnsafeBytes {
        unsafe Glibc.write(file, $0.baseAddress, $0.count)
      }
      close(file)
      try #require(count == bytes.count)
    }
  }

  func remove() {
    unsafe unlink(folder + "/cert.pem")
    unsafe unlink(folder + "/key.pem")
    unsafe rmdir(folder)
  }
}

private let echo = Route("POST", "/echo", bodyLimit: 8 << 20) { request in
  .text(String(decoding: try await request.body.collect(), as: UTF8.self) + "END")
}

private let count = Route("POST", "/count", bodyLimit: 8 << 20) { request in
  .text("\(try await request.body.collect().count)END")
}

@Suite struct `TLS` {
  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func `requests and large bodies pass encrypted`(version: Int32) async throws {
    let files = try CertificateFiles()
    defer { files.remove() }
    try await withServer(
      [echo],
      configure: {
        $0.tls = files.configuration
        $0.strictTransportSeconds = 600
      }
    ) { _, port in
      try await blocking {
        let client = try TLSClient(port, version: version)
        for size in [1, 100, 1 << 20, 10] {
          let body = String(repeating: "x", count: size)
          try client.send(post("/echo", body))
          #expect(try client.read(through: "END").hasSuffix("\r\n\r\n" + body + "END"))
        }
        try client.send(get("/echo", ["Connection: close"]))
        let refusal = try client.read(through: "method_not_allowed")
        #expect(refusal.contains("HTTP/1.1 405 "))
        #expect(refusal.contains("\r\nStrict-Transport-Security: max-age=600\r\n"))
        #expect(throws: ClientFault.self) { try client.read(through: "more") }
        #expect(client.sawCloseNotify)
      }
    }
  }

  /// So many hops between handlers and the loop that one of them is cut short, with bytes arriving meanwhile.
  @Test(arguments: [false, true])
  func `bodies that arrive at once all arrive`(encrypted: Bool) async throws {
    let files = try CertificateFiles()
    defer { files.remove() }
    let body = String(repeating: "x", count: 2 << 20)
    try await withServer(
      [count], configure: { if encrypted { $0.tls = files.configuration } }
    ) { _, port in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<8 {
          group.addTask {
            try await blocking {
              for _ in 0..<4 {
                if encrypted {
                  let client = try TLSClient(port, version: TLS1_2_VERSION)
                  try client.send(post("/count", body))
                  #expect(try client.read(through: "END").hasSuffix("\r\n\r\n2097152END"))
                } else {
                  let client = try RawClient(port)
                  try client.send(post("/count", body))
                  #expect(try client.readResponse().text == "2097152END")
                }
              }
            }
          }
        }
        try await group.waitForAll()
      }
    }
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func `answers at once pass encrypted, in order, and with a goodbye`(version: Int32) async throws {
    let files = try CertificateFiles()
    defer { files.remove() }
    let sized = Route.immediate("GET", "/{bytes}") { request in
      let count = Int(request.pathParameters["bytes"] ?? "") ?? 0
      return .text(String(repeating: "x", count: count) + "END")
    }
    try await withServer([sized], configure: { $0.tls = files.configuration }) { _, port in
      try await blocking {
        let client = try TLSClient(port, version: version)
        // In one record, in records of their own, larger than a record, and too large for the short way.
        let sizes = [1, 100, 20_000, 200_000, 10]
        try client.send(sizes.map { get("/\($0)") }.joined())
        for size in sizes { try client.send(get("/\(size)")) }
        for size in sizes + sizes {
          let answer = try client.read(through: "END")
          #expect(answer.hasSuffix("\r\n\r\n" + String(repeating: "x", count: size) + "END"))
        }
        try client.send(get("/5", ["Connection: close"]))
        #expect(try client.read(through: "END").contains("Connection: close\r\n"))
        #expect(throws: ClientFault.self) { try client.read(through: "more") }
        #expect(client.sawCloseNotify)
      }
    }
  }

  @Test func `older versions and silence are refused, and plain HTTP is told to speak TLS`()
    async throws
  {
    let files = try CertificateFiles()
    defer { files.remove() }
    try await withServer(
      [echo],
      configure: {
        $0.tls = files.configuration
        $0.limits.handshakeTimeout = .milliseconds(300)
      }
    ) { _, port in
      try await blocking {
        #expect(throws: ClientFault.self) { try TLSClient(port, version: TLS1_1_VERSION) }
        let plain = try RawClient(port)
        try plain.send(get("/echo"))
        let answer = try plain.readToEnd()
        #expect(answer.hasPrefix("HTTP/1.1 400 ") && answer.hasSuffix("plain_on_tls_port"))
        #expect(answer.contains("Connection: close"))
        let noise = try RawClient(port)
        try noise.send([0, 1, 2, 3, 0xFF])
        #expect((try? noise.readToEnd())?.contains("HTTP") != true)
        #expect(throws: ClientFault.self) { try RawClient(port).read(through: "x") }
      }
    }
  }

  @Test func `HTTP 1.1 is agreed on and a client that offers only others gets alert 120`()
    async throws
  {
    let files = try CertificateFiles()
    defer { files.remove() }
    try await withServer([echo], configure: { $0.tls = files.configuration }) { _, port in
      try await blocking {
        for version in [TLS1_2_VERSION, TLS1_3_VERSION] {
          let both = try TLSClient(port, version: version, protocols: ["h2", "http/1.1"])
          #expect(both.agreed == "http/1.1")
          #expect(try TLSClient(port, version: version).agreed == "")
          let fault = #expect(throws: ClientFault.self) {
            try TLSClient(port, version: version, protocols: ["h2"])
          }
          #expect(fault?.what == "alert 120")
        }
      }
    }
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func `a session is resumed`(version: Int32) async throws {
    let files = try CertificateFiles()
    defer { files.remove() }
    try await withServer([echo], configure: { $0.tls = files.configuration }) { _, port in
      try await blocking {
        let first = try TLSClient(port, version: version)
        try first.send(post("/echo", "one"))
        _ = try first.read(through: "END")
        let second = try TLSClient(port, version: version, ticket: first.ticket)
        try second.send(post("/echo", "two"))
        #expect(try second.read(through: "END").hasSuffix("twoEND"))
        #expect(!first.isResumed && second.isResumed)
      }
    }
  }

  @Test(arguments: [
    ("ECDHE-ECDSA-AES128-GCM-SHA256", true), ("ECDHE-ECDSA-AES256-GCM-SHA384", true),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", true), ("ECDHE-ECDSA-AES128-SHA256", false),
    ("ECDHE-ECDSA-AES256-SHA", false), ("ECDHE-ECDSA-AES128-CCM", false),
    ("AES128-GCM-SHA256", false), ("ECDHE-ECDSA-ARIA128-GCM-SHA256", false),
  ])
  func `TLS 1.2 takes the suites of Mozilla's intermediate list alone`(
    suite: String, isTaken: Bool
  ) async throws {
    let files = try CertificateFiles()
    defer { files.remove() }
    try await withServer([echo], configure: { $0.tls = files.configuration }) { _, port in
      let succeeded = try await blocking {
        (try? TLSClient(port, version: TLS1_2_VERSION, ciphers: suite)) != nil
      }
      #expect(succeeded == isTaken)
    }
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func `where authorities are named every client shows a certificate of theirs`(version: Int32)
    async throws
  {
    let files = try CertificateFiles()
    let stranger = try CertificateFiles()
    try stranger.write(secondCertificate, secondKey)
    defer {
      files.remove()
      stranger.remove()
    }
    var configuration = files.configuration
    configuration.clientAuthoritiesPath = configuration.certificatePath
    try await withServer([echo], configure: { [configuration] in $0.tls = configuration }) {
      _, port in
      let (own, other) = (files.folder, stranger.folder)
      try await blocking {
        // With TLS 1.3 the refusal comes after the client's side of the handshake.
        func isServed(_ identity: String?) -> Bool {
          guard let client = try? TLSClient(port, version: version, identity: identity) else {
            return false
          }
          try? client.send(post("/echo", "x"))
          return (try? client.read(through: "END")) != nil
        }
        #expect(isServed(own))
        #expect(!isServed(other))
        #expect(!isServed(nil))
      }
    }
  }

  @Test func `a new certificate serves new connections and a bad one changes nothing`() async throws
  {
    let files = try CertificateFiles()
    defer { files.remove() }
    try await withServer([echo], configure: { $0.tls = files.configuration }) { server, port in
      let old = try await blocking { SendableClient(try TLSClient(port, version: TLS1_3_VERSION)) }
      try files.write(secondCertificate, "nonsense")
      #expect(throws: HTTPError.self) { try server.reloadCertificate() }
      let names = try await blocking {
        [old.value.serverName, try TLSClient(port, version: TLS1_3_VERSION).serverName]
      }
      #expect(names == ["/CN=localhost", "/CN=localhost"])
      try files.write(secondCertificate, firstKey)
      #expect(throws: HTTPError.self) { try server.reloadCertificate() }
      try files.write(secondCertificate, secondKey)
      try server.reloadCertificate()
      try await blocking {
        #expect(try TLSClient(port, version: TLS1_3_VERSION).serverName == "/CN=second")
        try old.value.send(post("/echo", "still here"))
        #expect(try old.value.read(through: "END").hasSuffix("still hereEND"))
      }
    }
  }
}

/// A client handed from thread to thread, used by one at a time.
private struct SendableClient: @unchecked Sendable {
  let value: TLSClient
  init(_ value: TLSClient) { self.value = value }
}
