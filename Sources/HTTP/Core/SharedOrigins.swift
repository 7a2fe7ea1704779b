/// Which pages of other sites may use this server, by the protocol that the Fetch standard calls CORS.
///
/// Origins are named one by one; there is no `*`, and no credentials of a browser are ever asked for: a page sends its key
/// by itself.
struct SharedOrigins: Sendable {
  private let origins: Set<String>

  /// - Precondition: `fault(of:)` objects to none.
  init(_ origins: [String]) { self.origins = Set(origins.map { $0.lowercased() }) }

  /// Whether no page of another site may.
  var isEmpty: Bool { origins.isEmpty }

  /// Whether a page of that origin may use this server.
  func allow(_ origin: String) -> Bool { origins.contains(origin.lowercased()) }

  /// The fields of the answer to a request, besides its own.
  func fields(for head: RequestHead, status: Int, allow: String?) -> [(name: String, value: String)]
  {
    // A cache must not give one site's answer to another.
    var fields = [("Vary", "Origin")]
    guard let (origin, isOnly) = head.headers.first("Origin"), isOnly, self.allow(origin) else {
      return fields
    }
    fields.append(("Access-Control-Allow-Origin", origin))
    guard head.method == "OPTIONS", status == 204, let allow,
      head.headers["Access-Control-Request-Method"] != nil
    else { return fields + [("Access-Control-Expose-Headers", SharedOrigins.exposed)] }
    return fields + [
      ("Access-Control-Allow-Methods", allow),
      ("Access-Control-Allow-Headers", SharedOrigins.taken),
      ("Access-Control-Max-Age", "600"),
    ]
  }

  /// Request fields that mean something here and that browsers do not send for a page without asking first.
  private static let taken = [
    "Authorization", "Content-Type", "Content-Encoding", "Accept", "Range", "If-Match",
    "If-None-Match", "If-Range", "Idempotency-Key", "Last-Event-ID", "X-Request-Id",
    "X-Require-Model-Fingerprint",
  ].joined(separator: ", ")

  /// Response fields that browsers do not show to a page by themselves. Nothing in them is secret to who may read the
  /// body.
  private static let exposed = [
    "Accept-Ranges", "Allow", "Content-Disposition", "Content-Range", "ETag", "Location",
    "Retry-After", "Server-Timing", "WWW-Authenticate", "X-Embedding-Dtype", "X-Embedding-Shape",
    "X-Image-Label", "X-Model", "X-Model-Fingerprint", "X-Model-Precision", "X-Request-Id",
  ].joined(separator: ", ")

  /// What is wrong with an origin, as a sentence, or nil: such an entry could never match, or match too much.
  static func fault(of origin: String) -> String? {
    let parts = origin.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, ["https:", "http:"].contains(parts[0]), parts[1].isEmpty,
      !parts[2].isEmpty, parts[2].utf8.count <= 260,
      parts[2].utf8.allSatisfy({
        isDigit($0) || lowercase($0) &- 0x61 < 26 || [0x2D, 0x2E, 0x3A, 0x5B, 0x5D].contains($0)
      })
    else {
      return "an origin is a scheme, a host and, where it is not the usual one, a port, such as "
        + "https://pictures.example.org, without a path; * is none."
    }
    let isUsual = parts[0] == "https:" ? origin.hasSuffix(":443") : origin.hasSuffix(":80")
    return isUsual ? "browsers leave out the scheme's usual port; so must this." : nil
  }
}
