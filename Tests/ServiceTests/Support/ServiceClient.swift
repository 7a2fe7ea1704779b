import Foundation
import FoundationNetworking
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

extension ServiceProcess {
  /// A request as curl would send it.
  func call(
    _ method: String, _ path: String, type: String? = nil, body: [UInt8]? = nil
  ) async throws -> Answer {
    var request = URLRequest(url: try #require(URL(string: address + path)))
    request.httpMethod = method
    request.timeoutInterval = 120
    if let body {
      request.httpBody = Data(body)
      request.setValue(
        type ?? "application/x-www-form-urlencoded", forHTTPHeaderField: "Content-Type")
    }
    let session = URLSession(configuration: .ephemeral)
    defer { session.invalidateAndCancel() }
    let (data, response) = try await session.data(for: request)
    let answer = try #require(response as? HTTPURLResponse)
    var headers: [String: String] = [:]
    for case (let name as String, let value as String) in answer.allHeaderFields {
      headers[name.lowercased()] = value
    }
    return Answer(status: answer.statusCode, headers: headers, bytes: Array(data))
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
