internal import CSystem

/// A folder whose files are served; nothing outside it and no symbolic link can be reached.
public final class StaticFiles: Sendable {
  private let folder: Int32
  private let cacheControl: String

  /// Opens the folder.
  ///
  /// - Throws: `HTTPError` 404 when there is no such folder.
  public init(folder: String, cacheControl: String = "no-cache") throws(HTTPError) {
    let descriptor = unsafe byol_open_folder(folder)
    guard descriptor >= 0 else { throw HTTPError.notFound }
    self.folder = descriptor
    self.cacheControl = cacheControl
  }

  deinit { _ = byol_close(folder) }

  /// The answer to a `GET` or `HEAD`; a path that ends with `/` means its `index.html`.
  ///
  /// - Throws: `HTTPError` 404.
  public func response(to request: Request) throws(HTTPError) -> Response {
    let path = request.path.hasSuffix("/") ? request.path + "index.html" : request.path
    // A hidden file is none of the public's business.
    guard !path.utf8.contains(0), !path.split(separator: "/").contains(where: { $0.hasPrefix(".") })
    else {
      throw HTTPError.notFound
    }
    let file = try OpenFile(descriptor: unsafe byol_open_beneath(folder, path))
    var response = try Response.file(file, contentType: contentType(ofPath: path), for: request)
    if response.status < 400 { response.headers["Cache-Control"] = cacheControl }
    return response
  }
}

extension Response {
  /// A file, or the part or the 304 that the request's conditions ask for.
  ///
  /// - Throws: `HTTPError` 412 or 416 by these conditions.
  public static func file(
    _ file: OpenFile, contentType: String, for request: Request, etag: String? = nil
  ) throws(HTTPError) -> Response {
    var response = Response()
    response.headers.reserve(6)
    if let etag {
      response.headers.append("ETag", etag)
    } else {
      response.headers.appendValid("ETag", file.etag)
    }
    response.headers.appendValid("Last-Modified", file.modifiedText)
    response.headers.appendValid("Accept-Ranges", "bytes")
    // All answers of one address vary alike, those without a body too.
    if Compression.isCompressible(contentType) {
      response.headers.appendValid("Vary", "Accept-Encoding")
    }
    let condition = Conditional(
      method: request.method, headers: request.headers, etag: etag ?? file.etag,
      modified: file.modified,
      size: file.size)
    switch condition {
    case .whole: response.body = .file(file, range: 0..<file.size)
    case .part(let range):
      response.status = 206
      let span = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(file.size)"
      response.headers.appendValid("Content-Range", span)
      response.body = .file(file, range: range)
    case .notModified:
      response.status = 304
      return response
    case .failed: throw .preconditionFailed
    case .unsatisfiable:
      throw HTTPError(
        .rangeNotSatisfiable, "The file has \(file.size) bytes; the range begins beyond them.",
        headers: ["Content-Range": "bytes */\(file.size)"])
    }
    response.headers.append("Content-Type", contentType)
    return response
  }
}

extension Request {
  /// Whether the client has what the quoted tag stands for already, so that 304 is the answer.
  ///
  /// - Throws: `HTTPError` 412 where `If-Match` names other tags only.
  public func has(etag: String) throws(HTTPError) -> Bool {
    // Ranges are for files: what has no length yet is sent whole.
    switch Conditional(method: method, headers: headers, etag: etag, modified: nil, size: 0) {
    case .failed: throw .preconditionFailed
    case .notModified: return true
    case .whole, .part, .unsatisfiable: return false
    }
  }
}

/// The media type of a file by its name; unknown ones are downloads, since browsers are told not to guess.
public func contentType(ofPath path: String) -> String {
  let ending = path.split(separator: "/").last?.split(separator: ".").last?.lowercased()
  return ending.flatMap { contentTypes[$0] } ?? "application/octet-stream"
}

private let contentTypes = [
  "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8",
  "js": "text/javascript; charset=utf-8", "mjs": "text/javascript; charset=utf-8",
  "json": "application/json", "map": "application/json", "yaml": "application/yaml",
  "yml": "application/yaml", "txt": "text/plain; charset=utf-8",
  "log": "text/plain; charset=utf-8", "md": "text/markdown; charset=utf-8",
  "csv": "text/csv; charset=utf-8", "svg": "image/svg+xml", "png": "image/png",
  "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
  "ico": "image/x-icon", "woff2": "font/woff2", "wasm": "application/wasm",
  "gz": "application/gzip", "tgz": "application/gzip", "tar": "application/x-tar",
  "zip": "application/zip", "webmanifest": "application/manifest+json",
]
