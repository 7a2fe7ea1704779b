/// Finds the route of a request; answers 404, 405 with `Allow`, and `OPTIONS` by itself.
public struct Router: Sendable {
  /// The routes, in the order given.
  public let routes: [Route]
  /// The folder served for `GET` where no route matches.
  public let files: StaticFiles?
  /// The routes without parameters by their path, most of what is asked for.
  private var plain: [String: [Int]] = [:]
  /// All routes: those that say more come before those that say less.
  private var patterns: [Pattern]

  /// What a request is met with.
  enum Match: Sendable {
    /// The route's place in `routes`, and what its names matched.
    case route(Int, parameters: [String: String])
    /// The folder; `allow` names the methods of the routes with this path, and is empty where there are none.
    case files(StaticFiles, allow: String)
    case options(allow: String)
    case wrongMethod(allow: String)
    case notFound
    /// The base path without the slash at its end.
    case folder
  }

  /// Creates a router; two routes with one method and shape are a fault of the program.
  public init(routes: [Route], files: StaticFiles? = nil) {
    self.routes = routes
    self.files = files
    patterns = routes.indices.map { Pattern(routes[$0], at: $0) }.sorted { $0.rank < $1.rank }
    precondition(Set(patterns.map(\.rank)).count == routes.count, "two routes with one pattern")
    for index in routes.indices where !routes[index].pattern.contains("{") {
      plain[routes[index].pattern, default: []].append(index)
    }
  }

  /// The answer for a method and a decoded path.
  func match(method: String, path: String) -> Match {
    if path == "*" { return .options(allow: allowList(Set(routes.map(\.method)))) }
    if let indices = plain[path] {
      for index in indices where routes[index].method == method {
        return .route(index, parameters: [:])
      }
    }
    let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    var allowed: Set<String> = []
    for pattern in patterns {
      guard let parameters = pattern.parameters(of: segments) else { continue }
      if pattern.method == method || pattern.method == "GET" && method == "HEAD" {
        return .route(pattern.route, parameters: parameters)
      }
      allowed.insert(pattern.method)
    }
    if let files, method == "GET" || method == "HEAD" {
      return .files(files, allow: allowed.isEmpty ? "" : allowList(allowed))
    }
    if allowed.isEmpty {
      // The folder answers OPTIONS and refuses other methods only where no route has the path.
      guard files != nil, path == "/" else { return .notFound }
      allowed = ["GET"]
    }
    let allow = allowList(allowed)
    return method == "OPTIONS" ? .options(allow: allow) : .wrongMethod(allow: allow)
  }

  private func allowList(_ methods: Set<String>) -> String {
    let derived: Set = methods.contains("GET") ? ["HEAD", "OPTIONS"] : ["OPTIONS"]
    return methods.union(derived).sorted().joined(separator: ", ")
  }
}

/// A route's path, segment by segment.
private struct Pattern: Sendable {
  private enum Segment: Sendable {
    case literal(Substring)
    /// One segment that is not empty.
    case parameter(String)
    /// Everything from here on.
    case rest(String)
  }

  let method: String
  let route: Int
  /// The order in which patterns are tried: at each segment literals, parameters, rests. `HEAD` comes before the `GET` that may
  /// stand for it.
  let rank: String
  private let segments: [Segment]

  init(_ route: Route, at index: Int) {
    precondition(route.pattern.hasPrefix("/"), "a pattern begins with /")
    method = route.method
    self.route = index
    let parts = route.pattern.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    segments = parts.map { part in
      guard part.hasPrefix("{"), part.hasSuffix("}") else { return .literal(part) }
      let name = String(part.dropFirst().dropLast())
      return name.hasSuffix("*") ? .rest(String(name.dropLast())) : .parameter(name)
    }
    let kinds = segments.map { segment in
      switch segment {
      case .literal(let text): "0\(text)"
      case .parameter: "1"
      case .rest: "2"
      }
    }
    rank = kinds.joined(separator: "/") + "\0" + (method == "HEAD" ? "" : method)
  }

  /// What the names match in a path; nil when the path is another.
  func parameters(of path: ArraySlice<Substring>) -> [String: String]? {
    var parameters: [String: String] = [:]
    var rest = path
    for segment in segments {
      switch segment {
      case .literal(let text): guard rest.popFirst() == text else { return nil }
      case .parameter(let name):
        guard let value = rest.popFirst(), !value.isEmpty else { return nil }
        parameters[name] = String(value)
      case .rest(let name):
        guard !rest.isEmpty else { return nil }
        parameters[name] = rest.joined(separator: "/")
        return parameters
      }
    }
    return rest.isEmpty ? parameters : nil
  }
}
