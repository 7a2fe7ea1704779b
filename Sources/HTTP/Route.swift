/// One operation: a method, a path pattern, a body limit and a handler.
public struct Route: Sendable {
  /// Handles a request; it may suspend, compute and block.
  public typealias Handler = @Sendable (Request) async throws -> Response
  /// Handles a request on the loop's own thread; it must neither block nor compute for long, and reads no body.
  public typealias ImmediateHandler = @Sendable (Request) throws -> Response

  /// The method, such as `GET`. `HEAD` and `OPTIONS` are derived.
  public var method: String
  /// The path with `{name}` for one segment, such as `/v1/runs/{id}`; `{name*}` as last segment takes the rest.
  public var pattern: String
  /// Longest body in bytes; nil takes `Limits.bodyBytes`.
  public var bodyLimit: Int?
  /// The handler.
  public var handler: Handler
  /// The handler that is used instead where the answer needs no waiting.
  var immediate: ImmediateHandler?

  /// Creates a route.
  public init(
    _ method: String, _ pattern: String, bodyLimit: Int? = nil, handler: @escaping Handler
  ) {
    self.method = method
    self.pattern = pattern
    self.bodyLimit = bodyLimit
    self.handler = handler
  }

  /// A route that answers at once, on the loop's thread. Its responses are never compressed.
  public static func immediate(
    _ method: String, _ pattern: String, handler: @escaping ImmediateHandler
  ) -> Route {
    var route = Route(method, pattern, handler: { request in try handler(request) })
    route.immediate = handler
    return route
  }
}
