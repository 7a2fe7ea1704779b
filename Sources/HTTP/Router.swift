/// Finds the route of a request; answers 404, 405 with `Allow`, and `OPTIONS` by itself.
public struct Router: Sendable {
  /// The routes, in the order given.
  public let routes: [Route]
  /// The folder served for `GET` where no route matches.
  public let files: StaticFiles?
  /// Refuses a request before its body is read, for example one without a valid token.
  public var admit: (@Sendable (_ request: Request, _ route: Route?) throws -> Void)?
  private var root = Node()
  /// The routes without parameters by their path, most of what is asked for.
  private var plain: [String: [Int]] = [:]

  /// One path segment's choices.
  private struct Node: Sendable {
    var literals: [String: Node] = [:]
    var parameters: [Node] = []  // at most one: a box for the recursive value
    var methods: [String: Leaf] = [:]
    var rest: [String: Leaf] = [:]
  }

  private struct Leaf: Sendable {
    var route: Int
    var names: [String]
  }

  /// What a request is met with.
  enum Match: Sendable {
    /// The route's place in `routes`, and what its names matched.
    case route(Int, parameters: [String: String])
    case files(StaticFiles)
    case options(allow: String)
    case wrongMethod(allow: String)
    case notFound
  }

  /// Creates a router; two routes with one method and shape are a fault of the program.
  public init(routes: [Route], files: StaticFiles? = nil) {
    self.routes = routes
    self.files = files
    for index in routes.indices {
      insert(index)
      if !routes[index].pattern.contains("{") {
        plain[routes[index].pattern, default: []].append(index)
      }
    }
  }

  private mutating func insert(_ index: Int) {
    let route = routes[index]
    let segments = route.pattern.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    precondition(route.pattern.hasPrefix("/"), "a pattern begins with /")
    var names: [String] = []
    Router.insert(route.method, index, segments[...], &names, into: &root)
  }

  private static func insert(
    _ method: String, _ route: Int, _ segments: ArraySlice<Substring>, _ names: inout [String],
    into node: inout Node
  ) {
    guard let segment = segments.first else {
      precondition(node.methods[method] == nil, "two routes with one pattern")
      node.methods[method] = Leaf(route: route, names: names)
      return
    }
    guard segment.hasPrefix("{"), segment.hasSuffix("}") else {
      insert(
        method, route, segments.dropFirst(), &names,
        into: &node.literals[String(segment), default: Node()])
      return
    }
    let name = segment.dropFirst().dropLast()
    if name.hasSuffix("*") {
      precondition(segments.count == 1, "the rest comes last")
      names.append(String(name.dropLast()))
      node.rest[method] = Leaf(route: route, names: names)
      return
    }
    names.append(String(name))
    if node.parameters.isEmpty { node.parameters.append(Node()) }
    insert(method, route, segments.dropFirst(), &names, into: &node.parameters[0])
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
    var values: [String] = []
    var unasked: Set<String>?
    if let leaf = find(method, segments[...], &values, root, &unasked) {
      let pairs = zip(leaf.names, values).map { ($0, $1) }
      return .route(leaf.route, parameters: Dictionary(pairs) { _, last in last })
    }
    if let files, method == "GET" || method == "HEAD" { return .files(files) }
    var allowed = methodsSeen(segments[...])
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

  /// The methods of all routes that have this path.
  private func methodsSeen(_ segments: ArraySlice<Substring>) -> Set<String> {
    var values: [String] = []
    var allowed: Set<String>? = []
    _ = find("", segments, &values, root, &allowed)
    return allowed ?? []
  }

  /// Depth first, literal segments before parameters before rests; collects the methods seen on the way.
  private func find(
    _ method: String, _ segments: ArraySlice<Substring>, _ values: inout [String], _ node: Node,
    _ allowed: inout Set<String>?
  ) -> Leaf? {
    guard let segment = segments.first else {
      allowed?.formUnion(node.methods.keys)
      return node.methods[method] ?? (method == "HEAD" ? node.methods["GET"] : nil)
    }
    let depth = values.count
    if let next = node.literals[String(segment)],
      let leaf = find(method, segments.dropFirst(), &values, next, &allowed)
    {
      return leaf
    }
    if let next = node.parameters.first, !segment.isEmpty {
      values.append(String(segment))
      if let leaf = find(method, segments.dropFirst(), &values, next, &allowed) { return leaf }
      values.removeSubrange(depth...)
    }
    guard !node.rest.isEmpty else { return nil }
    allowed?.formUnion(node.rest.keys)
    guard let leaf = node.rest[method] ?? (method == "HEAD" ? node.rest["GET"] : nil) else {
      return nil
    }
    values.append(segments.joined(separator: "/"))
    return leaf
  }
}
