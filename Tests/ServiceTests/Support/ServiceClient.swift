import Foundation
import JSONTree
import Testing

/// One answer of the service.
struct Answer: Sendable {
  var status: Int
  var headers: [String: String]
  var bytes: [UInt8]

  /// The body as a JSON object.
  func object() throws -> JSONObject {
    try #require(JSONValue(parsing: bytes).objectValue)
  }
}

extension Answer {
  /// An answer to a request of HTTP/1.0, whose body ends with the connection.
  ///
  /// - Throws: `POSIXError.ECONNRESET` where there is none: the server died.
  init(parsing bytes: [UInt8]) throws {
    guard !bytes.isEmpty else { throw POSIXError(.ECONNRESET) }
    let end = try #require(bytes.firstRange(of: Array("\r\n\r\n".utf8)))
    let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
    status = try #require(lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) })
    let fields = lines.dropFirst().map { $0.split(separator: ":", maxSplits: 1) }
    headers = Dictionary(
      fields.map { ($0[0].lowercased(), $0[1].trimmingCharacters(in: .whitespaces)) }
    ) { $1 }
    self.bytes = Array(bytes[end.upperBound...])
  }
}

/// Does work that blocks on a thread of its own: tests that wait hold up the threads that Foundation's client shares with
/// them, until the server has no patience left or what was to be seen is over.
func onOwnThread<Value: Sendable>(
  _ work: @escaping @Sendable () throws -> Value
) async throws -> Value {
  try await withCheckedThrowingContinuation { done in
    Thread.detachNewThread { done.resume(with: Result(catching: work)) }
  }
}

/// Sends bytes to a port of this machine and receives all that comes back, or as much as has a word in it.
func exchange(_ request: [UInt8], port: UInt16, until word: String? = nil) throws -> [UInt8] {
  try exchange(CollectionOfOne(request), port: port, until: word)
}

/// The same for bytes that need not be in memory together, and from an address of this machine's loopback.
func exchange(
  _ request: some Sequence<[UInt8]>, port: UInt16, from client: in_addr_t = INADDR_LOOPBACK,
  until word: String? = nil
) throws -> [UInt8] {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var patience = timeval(tv_sec: 120, tv_usec: 0)
  unsafe setsockopt(
    descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  func address(_ host: in_addr_t, _ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = host.bigEndian
    return address
  }
  var (own, other) = (address(client, 0), address(INADDR_LOOPBACK, port))
  let size = socklen_t(MemoryLayout<sockaddr_in>.size)
  let bound = unsafe withUnsafePointer(to: &own) { pointer in
    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      unsafe bind(descriptor, $0, size)
    }
  }
  guard bound == 0 else { throw POSIXError(.EADDRNOTAVAIL) }
  let connected = unsafe withUnsafePointer(to: &other) { pointer in
    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      unsafe connect(descriptor, $0, size)
    }
  }
  guard connected == 0 else { throw POSIXError(.ECONNREFUSED) }
  // A server that answers early may close before it has everything.
  for piece in request where !sendAll(piece, to: descriptor) { break }
  var answer: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = unsafe recv(descriptor, &chunk, chunk.count, 0)
    guard count > 0 else { return answer }
    answer += chunk[..<count]
    if let word, answer.firstRange(of: Array(word.utf8)) != nil { return answer }
  }
}

/// Whether the other side took all bytes.
private func sendAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
  var sent = 0
  while sent < bytes.count {
    let count = unsafe bytes.withUnsafeBytes { bytes in
      unsafe send(
        descriptor, bytes.baseAddress.map { unsafe $0 + sent }, bytes.count - sent,
        Int32(MSG_NOSIGNAL))
    }
    guard count > 0 else { return false }
    sent += count
  }
  return true
}

extension ServiceProcess {
  /// A request as curl would send it.
  func call(
    _ method: String, _ path: String, type: String? = nil, accept: String = "*/*",
    body: [UInt8]? = nil
  ) async throws -> Answer {
    try await onOwnThread { [self] in
      try blockingCall(method, path, type: type, accept: accept, body: body)
    }
  }

  /// The same, on the caller's thread.
  func blockingCall(
    _ method: String, _ path: String, type: String? = nil, accept: String = "*/*",
    body: [UInt8]? = nil
  ) throws -> Answer {
    let url = try #require(URL(string: address + path))
    var head = "\(method) \(path) HTTP/1.0\r\nHost: localhost\r\nAccept: \(accept)\r\n"
    if let body {
      head += "Content-Type: \(type ?? "application/x-www-form-urlencoded")\r\n"
      head += "Content-Length: \(body.count)\r\n"
    }
    let port = try #require(url.port.flatMap(UInt16.init))
    return try Answer(parsing: exchange(Array((head + "\r\n").utf8) + (body ?? []), port: port))
  }

  /// Uploads pictures and starts a run that is small enough for a test.
  func start(
    epochs: Int, width: JSONValue = 0.25, resources: JSONValue = [:]
  ) async throws -> String {
    let upload = try await call(
      "POST", "/v1/datasets", type: "application/x-tar", body: try pictureArchive(count: 64))
    #expect(upload.status == 201)
    let dataset = try upload.object()
    #expect(dataset["pictures"] == 64)
    let body: JSONValue = [
      "dataset": dataset["id"] ?? .null, "epochs": .integer(Int64(epochs)), "batch_size": 16,
      "image_size": 16, "stem": "cifar", "width": width, "projector_hidden": 32,
      "projector_output": 16, "predictor_hidden": 32, "checkpoint_every_steps": 4,
      "resources": resources,
    ]
    let created = try await call("POST", "/v1/runs", body: body.encoded)
    #expect(created.status == 201)
    let run = try created.object()
    #expect(created.headers["location"] == "/v1/runs/\(run["id"]?.stringValue ?? "")")
    return try #require(run["id"]?.stringValue)
  }

  /// A run's status.
  func run(_ id: String) async throws -> JSONObject {
    try await call("GET", "/v1/runs/\(id)").object()
  }

  /// Waits until a run is in a state.
  @discardableResult
  func wait(for id: String, state: String) async throws -> JSONObject {
    try await eventually("the run being \(state)") {
      let run = try await self.run(id)
      #expect(run["state"] != "failed", "\(run["reason"] ?? .null)")
      return run["state"] == .string(state) || run["state"] == "failed" ? run : nil
    }
  }

  /// Waits until a run has done some updates.
  @discardableResult
  func wait(for id: String, step: Int64) async throws -> Int64 {
    try await eventually("step \(step)") {
      let run = try await self.run(id)
      #expect(run["state"] != "failed", "\(run["reason"] ?? .null)")
      let done = run["progress"]?.objectValue?["step"]?.integerValue ?? 0
      return done >= step || run["state"] == "failed" ? done : nil
    }
  }
}
