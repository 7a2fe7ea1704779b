import HTTP
import JSONTree
import Runs
import Synchronization

/// `/v1/runs/{id}/events`: pages of the log, or the log as it is written.
struct EventHandlers: Sendable {
  let runs: any RunControl
  let places: StreamPlaces
  let limits: EventStreamLimits

  func get(_ request: Request) async throws -> Response {
    let format = try request.negotiated(["application/json", "text/event-stream"])
    return format == "text/event-stream" ? try await stream(request) : try await list(request)
  }

  private func list(_ request: Request) async throws -> Response {
    try request.allowQuery("limit", "after", "order")
    let limit = try request.pageLimit()
    let after = try request.integer("after", in: 0...(.max)).map { Int64($0) }
    let events = try await runs.events(
      try request.runID(), after: after, order: try order(request), limit: limit + 1)
    let shown = events.prefix(limit)
    return request.conditionalJSON([
      "object": "list", "data": .array(shown.map(\.json)),
      "first_id": shown.first.map { .integer($0.sequence) } ?? .null,
      "last_id": shown.last.map { .integer($0.sequence) } ?? .null,
      "has_more": .bool(events.count > limit),
    ])
  }

  private func order(_ request: Request) throws(APIError) -> EventOrder {
    switch request.query("order") {
    case nil, "asc": return .oldestFirst
    case "desc": return .newestFirst
    case let text?:
      throw .parameter("order", "\(clipped(text)) is not one of asc, desc.")
    }
  }

  /// Server-sent events after `Last-Event-ID`, else after `after`, else from the first, until the run is deleted,
  /// the client leaves or the service ends.
  private func stream(_ request: Request) async throws -> Response {
    try request.allowQuery("after")
    let query = try request.integer("after", in: 0...(.max))
    let after = try lastEventID(request) ?? query ?? 0
    let events = try await runs.eventStream(try request.runID(), after: Int64(after))
    guard let place = places.take(of: limits.streams) else {
      throw APIError(
        .tooManyRequests, "\(limits.streams) streams of events are open already.", retryAfter: 30)
    }
    let pause = limits.heartbeat
    return .events { writer in
      defer { place.leave() }
      try await write(events, to: writer, heartbeat: pause)
    }
  }

  /// What a browser's `EventSource` sends when it connects again.
  private func lastEventID(_ request: Request) throws(APIError) -> Int? {
    guard let text = request.headers["Last-Event-ID"], !text.isEmpty else { return nil }
    guard let number = Int(text), number >= 0 else {
      throw .parameter("Last-Event-ID", "\(clipped(text)) is no event's id.")
    }
    return number
  }

  private func write(
    _ events: RunEventStream, to writer: ResponseWriter, heartbeat pause: Duration
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        // The first bytes tell proxies and clients that the stream is open.
        try await writer.heartbeat()
        for await event in events {
          let text = String(decoding: event.json.encoded, as: UTF8.self)
          try await writer.event(event.kind, data: text, id: "\(event.sequence)")
        }
      }
      group.addTask {
        while true {
          try await Task.sleep(for: pause)
          try await writer.heartbeat()
        }
      }
      // The heartbeat never ends by itself: the first to end is the log, or whoever cannot write.
      defer { group.cancelAll() }
      try await group.next()
    }
  }
}

/// How many streams of events there may be, and how silent.
public struct EventStreamLimits: Sendable {
  /// Streams that may be open at once.
  public var streams = 64
  /// The longest silence on a stream.
  public var heartbeat: Duration = .seconds(15)

  /// The defaults.
  public init() {}
}

/// The streams that are open now.
final class StreamPlaces: Sendable {
  private let taken = Atomic(0)

  /// One of the streams that may be open, until it is left or released.
  final class Place: Sendable {
    private let places: StreamPlaces
    private let isLeft = Atomic(false)

    fileprivate init(_ places: StreamPlaces) { self.places = places }

    func leave() {
      guard !isLeft.exchange(true, ordering: .relaxed) else { return }
      places.taken.subtract(1, ordering: .relaxed)
    }

    // A reply that is never written, as that to HEAD, gives its place back this way.
    deinit { leave() }
  }

  /// A place; nil where all are taken.
  func take(of limit: Int) -> Place? {
    guard taken.add(1, ordering: .relaxed).newValue <= limit else {
      taken.subtract(1, ordering: .relaxed)
      return nil
    }
    return Place(self)
  }
}
