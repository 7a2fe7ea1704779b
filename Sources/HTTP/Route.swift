/// One operation: a method, a path pattern, a body limit and a handler.
public struct Route: Sendable {
  /// Handles a request; it may suspend and, unless `runsOnLoop`, compute and block.
  public typealias Handler = @Sendable (Request) async throws -> Response

  /// The method, such as `GET`. `HEAD` and `OPTIONS` are derived.
  public var method: String
  /// The path with `{name}` for one segment, such as `/v1/runs/{id}`; `{name*}` as last segment takes the rest.
  public var pattern: String
  /// Longest body in bytes; nil takes `Limits.bodyBytes`.
  public var bodyLimit: Int?
  /// Media types a body may have; empty for any. Others: 415.
  public var accepts: [String]
  /// Whether the handler never blocks nor computes for long, so that it may run on the loop's own thread.
  public var runsOnLoop: Bool
  /// The handler.
  public var handler: Handler

  /// Creates a route.
  public init(
    _ method: String, _ pattern: String, bodyLimit: Int? = nil, accepts: [String] = [],
    runsOnLoop: Bool = false, handler: @escaping Handler
  ) {
    self.method = method
    self.pattern = pattern
    self.bodyLimit = bodyLimit
    self.accepts = accepts
    self.runsOnLoop = runsOnLoop
    self.handler = handler
  }
}
