import HTTP
import JSONTree
import Synchronization

/// Replies that many clients ask for again and again, kept as long as the tag of what they show is the same.
///
/// A dashboard polls; a thousand of them ask the same few questions between two changes. The answer is made for the
/// first and sent to the others, and who has it already gets 304.
final class ReplyCache: Sendable {
  /// A reply of 200 and the tag of what it shows.
  struct Reply: Sendable {
    var etag: String
    var contentType: String
    var bytes: [UInt8]
  }

  private struct State {
    var replies: [String: Reply] = [:]
    var byteCount = 0
  }

  /// Bytes of replies and their targets that are kept; beyond, all are forgotten.
  private static let byteLimit = 16 << 20

  private let state = Mutex(State())

  /// The reply of a target under a tag, made by `make` where it is not kept.
  func reply(
    _ target: String, etag: String, contentType: String, make: () async throws -> [UInt8]
  ) async rethrows -> Reply {
    let kept = state.withLock { $0.replies[target] }
    if let kept, kept.etag == etag { return kept }
    let reply = Reply(etag: etag, contentType: contentType, bytes: try await make())
    let size = reply.bytes.count + target.utf8.count
    state.withLock { state in
      let before = state.replies[target].map { $0.bytes.count + target.utf8.count } ?? 0
      state.byteCount += size - before
      if state.byteCount > ReplyCache.byteLimit { (state.replies, state.byteCount) = ([:], size) }
      state.replies[target] = reply
    }
    return reply
  }
}

extension Request {
  /// 304 where the client has this tag, else the reply that is kept or made.
  ///
  /// `format` tells apart what one target answers to different `Accept`.
  func polled(
    etag: String, by cache: ReplyCache, format: String = "application/json",
    make: () async throws -> [UInt8]
  ) async rethrows -> Response {
    let headers: Headers = ["ETag": etag, "Cache-Control": "no-cache"]
    if let answer = conditionalAnswer(etag: etag, headers: headers) { return answer }
    let asked = query.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
    let reply = try await cache.reply(
      "\(format) \(path)?\(asked)", etag: etag, contentType: format, make: make)
    var response = Response(contentType: reply.contentType, bytes: reply.bytes)
    for field in headers.fields { response.headers.set(field.name, field.value) }
    return response
  }
}
