import Foundation
import HTTP
import JSONTree
import Runs

/// `/v1/runs/{id}/log`: what a run's workers wrote to their standard error.
struct LogHandlers: Sendable {
  let runs: any RunControl

  /// The most bytes of one reply, and how many it has where the client does not say.
  static let (largestByteCount, usualByteCount) = (256 << 10, 64 << 10)

  func get(_ request: Request) async throws -> Response {
    try request.allowQuery("from", "limit")
    let record = try await runs.record(try request.runID())
    let limit =
      try request.integer("limit", in: 1024...Self.largestByteCount) ?? Self.usualByteCount
    let from = try request.integer("from", in: 0...(1 << 40))
    let part = LogPart(
      path: runs.directory(of: record.run.id) + "/worker.log", from: from, limit: limit)
    return request.conditionalJSON([
      "object": "log", "from": .integer(Int64(part.from)), "next": .integer(Int64(part.next)),
      "size": .integer(Int64(part.size)), "text": .string(part.text),
    ])
  }
}

/// A stretch of a log that is being written.
struct LogPart: Hashable {
  /// Where the text begins, in bytes.
  var from = 0
  /// Where the next part begins.
  var next = 0
  /// How long the log is.
  var size = 0
  /// Whole characters; bytes that are no UTF-8 are replacement characters.
  var text = ""

  /// At most `limit` bytes from `from` on; without `from` the last ones, from the beginning of a line. A log that is shorter than `from` was
  /// begun anew and is read from its beginning; one that is not there is empty.
  init(path: String, from: Int?, limit: Int) {
    guard let file = FileHandle(forReadingAtPath: path) else { return }
    defer { try? file.close() }
    size = (try? file.seekToEnd()).map { Int($0) } ?? 0
    var start = from ?? max(0, size - limit)
    if start > size { start = 0 }
    guard (try? file.seek(toOffset: UInt64(start))) != nil,
      var bytes = (try? file.read(upToCount: limit)).map({ Array($0) })
    else { return }
    if from == nil, start > 0, let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
      start += end + 1
      bytes.removeFirst(end + 1)
    }
    bytes.removeLast(LogPart.unfinished(bytes))
    (self.from, next, text) = (start, start + bytes.count, String(decoding: bytes, as: UTF8.self))
  }

  /// Bytes at the end that begin a character and do not end it; the next part has them whole. 0 where there is nothing else.
  private static func unfinished(_ bytes: [UInt8]) -> Int {
    for count in 1...3 where count < bytes.count {
      let byte = bytes[bytes.count - count]
      if byte & 0xC0 == 0x80 { continue }
      let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
      return length > count ? count : 0
    }
    return 0
  }
}
