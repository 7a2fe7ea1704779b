import API
import Foundation
import HTTP
import Identifiers
import Runs
import Synchronization
import Testing

/// `/v1/runs/{id}/events` as server-sent events
@Suite(.timeLimit(.minutes(1))) struct EventStreamTests {
  /// What a stream has written so far.
  private final class Received: Sendable {
    private let text = Mutex("")

    func add(_ bytes: [UInt8]) { text.withLock { $0 += String(decoding: bytes, as: UTF8.self) } }

    var all: String { text.withLock { $0 } }
    /// The numbers of the events.
    var numbers: [Int] {
      all.split(separator: "\n").compactMap { line in
        line.hasPrefix("id: ") ? Int(line.dropFirst(4)) : nil
      }
    }

    func wait(until isMet: (Received) -> Bool) async throws {
      while !isMet(self) { try await Task.sleep(for: .milliseconds(1)) }
    }
  }

  private func event(_ id: Identifier, _ number: Int64, kind: String = "checkpoint") -> RunEvent {
    RunEvent(
      run: id, at: .now(), kind: kind, state: .running, step: Int(number) * 10, sequence: number)
  }

  private func world(events: Int64) async throws -> (World, Identifier) {
    let world = try World()
    let id = try await world.run()
    for number in 1...events { world.runs.add(event(id, number)) }
    return (world, id)
  }

  private func open(
    _ world: World, _ id: Identifier, query: [(name: String, value: String)] = [],
    lastEventID: String? = nil
  ) async throws -> Response {
    var headers: Headers = ["Accept": "text/event-stream"]
    if let lastEventID { headers["Last-Event-ID"] = lastEventID }
    return try await world.call("GET", "/v1/runs/\(id)/events", query: query, headers: headers)
  }

  /// Writes the stream as the server does, until it ends or the task is cancelled.
  private func follow(_ response: Response, into received: Received) throws -> Task<Void, any Error>
  {
    guard case .events(let write) = response.body else {
      throw TestFailure("The body is no stream of events.")
    }
    return Task { try await write(ResponseWriter { received.add($0) }) }
  }

  private struct TestFailure: Error {
    let text: String
    init(_ text: String) { self.text = text }
  }

  @Test func `what was comes first, then what happens, and the end of the service ends it`()
    async throws
  {
    let (world, id) = try await world(events: 2)
    let response = try await open(world, id)
    #expect(response.status == 200 && response.headers["Content-Type"] == "text/event-stream")
    let received = Received()
    let stream = try follow(response, into: received)
    try await received.wait { $0.numbers == [1, 2] }
    world.runs.add(event(id, 7))
    try await received.wait { $0.numbers == [1, 2, 7] }
    #expect(received.all.contains("id: 7\nevent: checkpoint\ndata: {\"id\":7,"))
    #expect(received.all.contains("\"step\":70}\n\n"))
    world.runs.endStreams()
    try await stream.value
  }

  @Test(arguments: [("2", nil), (nil, "2"), ("2", "1")] as [(String?, String?)])
  func `a client that comes again goes on after its last event`(
    lastEventID: String?, after: String?
  ) async throws {
    let (world, id) = try await world(events: 4)
    let query = after.map { [(name: "after", value: $0)] } ?? []
    let received = Received()
    let stream = try follow(
      try await open(world, id, query: query, lastEventID: lastEventID), into: received)
    try await received.wait { $0.numbers.last == 4 }
    #expect(received.numbers == [3, 4])
    stream.cancel()
    _ = await stream.result
  }

  @Test func `a silent stream has a heartbeat`() async throws {
    #expect(EventStreamLimits().heartbeat == .seconds(15) && EventStreamLimits().streams == 64)
    let world = try World { $0.heartbeat = .milliseconds(10) }
    let received = Received()
    let stream = try follow(try await open(world, try await world.run()), into: received)
    try await received.wait { $0.all.components(separatedBy: ":\n\n").count > 4 }
    #expect(received.numbers.isEmpty)
    stream.cancel()
    _ = await stream.result
  }

  @Test func `a client that is gone ends its stream`() async throws {
    let (world, id) = try await world(events: 1)
    guard case .events(let write) = try await open(world, id).body else {
      throw TestFailure("The body is no stream of events.")
    }
    await #expect(throws: CancellationError.self) {
      try await write(ResponseWriter { _ in throw CancellationError() })
    }
  }

  @Test func `more streams than allowed are refused until one ends`() async throws {
    let world = try World { $0.streams = 2 }
    let id = try await world.run()
    let first = try await open(world, id)
    // Given back without being written, as the reply to HEAD is.
    #expect(try await open(world, id).status == 200)
    let received = Received()
    let stream = try follow(first, into: received)
    let second = try await open(world, id)
    let refused = try await open(world, id)
    #expect(refused.status == 429 && refused.headers["Retry-After"] != nil)
    #expect(try refused.problemCode() == "too_many_requests")
    stream.cancel()
    _ = await stream.result
    #expect(try await open(world, id).status == 200)
    #expect(second.status == 200)
  }

  @Test(arguments: [("Last-Event-ID", "x"), ("Last-Event-ID", "-1")])
  func `a number that is none is 400`(name: String, value: String) async throws {
    let (world, id) = try await world(events: 1)
    let refused = try await open(world, id, lastEventID: value)
    #expect(refused.status == 400)
    #expect(try refused.problemFields() == [name])
  }

  @Test func `other formats are 406, an unknown run is 404`() async throws {
    let (world, id) = try await world(events: 1)
    let refused = try await world.call(
      "GET", "/v1/runs/\(id)/events", headers: ["Accept": "text/html"])
    #expect(refused.status == 406)
    let unknown = try #require(Identifier("0199e6a2-6f0c-7c1e-9a55-0c7bb3f1a001"))
    #expect(try await open(world, unknown).status == 404)
  }
}
