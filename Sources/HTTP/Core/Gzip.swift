internal import CZlib
internal import Synchronization

/// Compresses a stream of bytes with gzip.
@safe final class Gzip: @unchecked Sendable {
  /// What a compressor takes: 256 KiB by zlib's own count, and a run of plain and one of compressed bytes.
  static let memoryBytes = 384 * 1024

  private let stream: UnsafeMutablePointer<z_stream>
  private let lock = Mutex(())

  /// - Throws: `HTTPError` 500 when memory is short.
  init() throws(HTTPError) {
    guard let stream = unsafe byol_gzip_new() else {
      throw HTTPError(.outOfMemory, "The response could not be compressed.")
    }
    unsafe self.stream = stream
  }

  deinit { unsafe byol_gzip_free(stream) }

  /// Everything the client needs to see these bytes now.
  func compress(_ bytes: [UInt8]) -> [UInt8] { run(bytes, Z_SYNC_FLUSH) }

  /// The end of the stream, after these last bytes.
  func finish(_ bytes: [UInt8] = []) -> [UInt8] { run(bytes, Z_FINISH) }

  private func run(_ bytes: [UInt8], _ flush: Int32) -> [UInt8] {
    lock.withLock { _ in
      var output: [UInt8] = []
      var rest = bytes[...]
      var isFull = true
      // zlib may hold more output than fits into a block; one that is not full is the last.
      while isFull {
        output += unsafe rest.withUnsafeBufferPointer { source in
          unsafe [UInt8](unsafeUninitializedCapacity: 16 * 1024) { target, count in
            var taken = source.count
            count = target.count
            unsafe byol_deflate(
              stream, flush, source.baseAddress, &taken, target.baseAddress, &count)
            isFull = count == target.count
            rest = rest.dropFirst(taken)
          }
        }
      }
      return output
    }
  }
}

/// When and how responses are compressed.
enum Compression {
  /// Shorter bodies gain nothing.
  static let smallest = 1024

  /// The response, compressed if the client wants that and the media type gains by it; `Vary` on either variant.
  static func negotiate(_ response: Response, for request: Request) throws -> Response {
    guard response.status == 200, response.headers["Content-Encoding"] == nil,
      let type = response.headers["Content-Type"], isCompressible(type),
      !listMembers(response.headers, "Cache-Control").contains("no-transform")
    else { return response }
    var response = response
    if !listMembers(response.headers, "Vary").contains("Accept-Encoding") {
      response.headers.append("Vary", "Accept-Encoding")
    }
    guard prefersGzip(request.headers), let body = try compressed(response.body) else {
      return response
    }
    response.body = body
    response.headers["Content-Encoding"] = "gzip"
    response.headers["Accept-Ranges"] = nil
    if let etag = response.headers["ETag"], etag.hasPrefix("\"") {
      response.headers["ETag"] = "W/" + etag
    }
    return response
  }

  private static func compressed(_ body: Response.Body) throws -> Response.Body? {
    switch body {
    case .bytes(let bytes): return bytes.count < smallest ? nil : .bytes(try Gzip().finish(bytes))
    case .file(let file, let range):
      guard range.count >= smallest else { return nil }
      return .stream { writer in try await send(file, range, writer) }
    case .stream(let write):
      return .stream { writer in
        let gzip = try Gzip()
        try await write(ResponseWriter { try await writer.write(gzip.compress($0)) })
        try await writer.write(gzip.finish())
      }
    case .empty, .events: return nil
    }
  }

  private static func send(_ file: OpenFile, _ range: Range<Int>, _ writer: ResponseWriter)
    async throws
  {
    let gzip = try Gzip()
    var offset = range.lowerBound
    while offset < range.upperBound {
      let bytes = try file.read(at: offset, count: min(64 * 1024, range.upperBound - offset))
      guard !bytes.isEmpty else { throw CancellationError() }
      offset += bytes.count
      try await writer.write(offset == range.upperBound ? gzip.finish(bytes) : gzip.compress(bytes))
    }
  }

  static func isCompressible(_ type: String) -> Bool {
    if type == "application/octet-stream" { return false }
    let essence = trimBlanks(type.prefix { $0 != ";" }).lowercased()
    if essence.hasPrefix("text/") { return essence != "text/event-stream" }
    return essence.hasSuffix("json") || essence.hasSuffix("+xml") || essence.hasSuffix("javascript")
      || ["application/yaml", "application/xml", "application/wasm"].contains(essence)
  }

  /// Whether gzip is acceptable and not less welcome than the plain bytes.
  static func prefersGzip(_ headers: Headers) -> Bool {
    var gzip: Double?
    var any: Double?
    var identity: Double?
    for member in listMembers(headers, "Accept-Encoding") {
      let parts = member.split(separator: ";").map(trimBlanks)
      guard let coding = parts.first?.lowercased() else { continue }
      let weight = parts.dropFirst().first { $0.lowercased().hasPrefix("q=") }
      let quality = weight.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
      switch coding {
      case "gzip", "x-gzip": gzip = quality
      case "*": any = quality
      case "identity": identity = quality
      default: break
      }
    }
    guard let wanted = gzip ?? any, wanted > 0 else { return false }
    return wanted >= identity ?? 0
  }
}
