public import HTTP
import Synchronization

/// Counters of the service, written in Prometheus' text format.
public final class ServiceMetrics: Sendable {
  private struct RequestKey: Hashable {
    var route: String
    var method: String
    var status: Int
  }

  private struct EmbeddingKey: Hashable {
    var model: String
    var outcome: String
  }

  /// Sum, count and cumulative buckets of values.
  struct Histogram {
    let bounds: [Double]
    private(set) var counts: [Int]
    private(set) var sum = 0.0
    private(set) var count = 0

    /// Of seconds.
    static var seconds: Histogram {
      Histogram(bounds: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60])
    }
    /// Of the pictures in a request.
    static var pictures: Histogram { Histogram(bounds: [1, 2, 4, 8, 16, 32, 64, 128, 256]) }

    private init(bounds: [Double]) {
      self.bounds = bounds
      counts = [Int](repeating: 0, count: bounds.count)
    }

    mutating func add(_ value: Double) {
      sum += value
      count += 1
      for (index, bound) in bounds.enumerated() where value <= bound { counts[index] += 1 }
    }
  }

  private struct State {
    var requests: [RequestKey: Int] = [:]
    var durations: [String: Histogram] = [:]
    var stages: [String: Histogram] = [:]
    var embedded: [EmbeddingKey: Int] = [:]
    var batches = Histogram.pictures
    var rejected: [String: Int] = [:]
    var inFlight = 0
    var decodeErrors: [String: Int] = [:]
  }

  private let state = Mutex(State())

  /// Counters at zero.
  public init() {}

  /// Counts an answered request; what no route answered is counted as one.
  public func observe(_ exchange: Exchange) {
    let route = exchange.route ?? "none"
    let key = RequestKey(route: route, method: exchange.method, status: exchange.status)
    let seconds = exchange.duration / .seconds(1)
    state.withLock { state in
      // Methods come from clients: unknown ones are answered by no route and share one line.
      state.requests[
        exchange.route == nil ? RequestKey(route: "none", method: "any", status: key.status) : key,
        default: 0] += 1
      state.durations[route, default: .seconds].add(seconds)
    }
  }

  /// Counts a request that was turned away, by the code of the refusal: the codes are the program's own.
  public func reject(_ reason: String) {
    state.withLock { $0.rejected[reason, default: 0] += 1 }
  }

  /// The route, counting the requests that its handler works for.
  func counting(_ route: Route) -> Route {
    var counted = route
    counted.handler = { [self] request in
      state.withLock { $0.inFlight += 1 }
      defer { state.withLock { $0.inFlight -= 1 } }
      return try await route.handler(request)
    }
    return counted
  }

  /// Counts the pictures of a request that was answered.
  func embedded(
    _ count: Int, failed: Int, model: String, decoding: Duration, queued: Duration,
    computed: Duration
  ) {
    state.withLock { state in
      add(&state, count, "embedded", model)
      add(&state, failed, "not_decodable", model)
      state.batches.add(Double(count + failed))
      for (stage, duration) in [("decode", decoding), ("queue", queued), ("infer", computed)] {
        state.stages[stage, default: .seconds].add(duration / .seconds(1))
      }
    }
  }

  /// Counts the pictures of a request that was refused because some do not decode.
  func refused(_ count: Int, model: String) {
    state.withLock { add(&$0, count, "refused", model) }
  }

  private func add(
    _ state: inout State, _ count: Int, _ outcome: String, _ model: String
  ) {
    guard count > 0 else { return }
    let known = Set(state.embedded.keys.map(\.model))
    // Each checkpoint is a model: over the years there are many.
    let name = known.contains(model) || known.count < Self.models ? model : "other"
    state.embedded[EmbeddingKey(model: name, outcome: outcome), default: 0] += count
  }

  /// Models that pictures are counted for by name.
  static let models = 100

  func notDecoded(_ reason: String) {
    state.withLock { $0.decodeErrors[reason, default: 0] += 1 }
  }
}

// MARK: - Text

extension ServiceMetrics {
  /// All counters, in a stable order.
  func write(to page: inout PrometheusPage) {
    let state = state.withLock { $0 }
    page.family("byol_http_requests_total", "counter", "Requests answered.")
    let requests = state.requests.sorted {
      ($0.key.route, $0.key.method, $0.key.status) < ($1.key.route, $1.key.method, $1.key.status)
    }
    for (key, count) in requests {
      page.sample(
        "byol_http_requests_total", Double(count),
        [("route", key.route), ("method", key.method), ("status", "\(key.status)")])
    }
    page.histograms(
      "byol_http_request_duration_seconds", "From a request's head to the end of its answer.",
      "route", state.durations)
    page.family("byol_http_in_flight", "gauge", "Requests that are being answered.")
    page.sample("byol_http_in_flight", Double(state.inFlight))
    page.family(
      "byol_http_rejected_total", "counter", "Requests turned away, by the refusal's code.")
    for (reason, count) in state.rejected.sorted(by: { $0.key < $1.key }) {
      page.sample("byol_http_rejected_total", Double(count), [("reason", reason)])
    }
    page.family("byol_embed_images_total", "counter", "Pictures that were to be embedded.")
    let embedded = state.embedded.sorted {
      ($0.key.model, $0.key.outcome) < ($1.key.model, $1.key.outcome)
    }
    for (key, count) in embedded {
      page.sample(
        "byol_embed_images_total", Double(count), [("model", key.model), ("outcome", key.outcome)])
    }
    page.histogram(
      "byol_embed_batch_images", "Pictures in a request for embeddings.", state.batches)
    page.histograms("byol_embed_stage_seconds", "Stages of an embedding.", "stage", state.stages)
    page.family("byol_image_decode_errors_total", "counter", "Pictures that did not decode.")
    for (reason, count) in state.decodeErrors.sorted(by: { $0.key < $1.key }) {
      page.sample("byol_image_decode_errors_total", Double(count), [("reason", reason)])
    }
  }
}

/// Text in Prometheus' exposition format.
struct PrometheusPage {
  private(set) var text = ""

  mutating func family(_ name: String, _ kind: String, _ meaning: String) {
    let help = meaning.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
  }

  mutating func sample(_ name: String, _ value: Double, _ labels: [(String, String)] = []) {
    let pairs = labels.map { "\($0.0)=\"\(escaped($0.1))\"" }.joined(separator: ",")
    let shown = value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
    text += name + (pairs.isEmpty ? "" : "{\(pairs)}") + " \(shown)\n"
  }

  mutating func histograms(
    _ name: String, _ meaning: String, _ label: String, _ values: [String: ServiceMetrics.Histogram]
  ) {
    family(name, "histogram", meaning)
    for (key, histogram) in values.sorted(by: { $0.key < $1.key }) {
      samples(name, histogram, [(label, key)])
    }
  }

  mutating func histogram(
    _ name: String, _ meaning: String, _ histogram: ServiceMetrics.Histogram
  ) {
    family(name, "histogram", meaning)
    samples(name, histogram, [])
  }

  private mutating func samples(
    _ name: String, _ histogram: ServiceMetrics.Histogram, _ labels: [(String, String)]
  ) {
    for (bound, count) in zip(histogram.bounds, histogram.counts) {
      sample("\(name)_bucket", Double(count), labels + [("le", "\(bound)")])
    }
    sample("\(name)_bucket", Double(histogram.count), labels + [("le", "+Inf")])
    sample("\(name)_sum", histogram.sum, labels)
    sample("\(name)_count", Double(histogram.count), labels)
  }

  private func escaped(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
  }
}
