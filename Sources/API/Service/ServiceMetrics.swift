public import HTTP
import Synchronization

/// Counters of the service, written in Prometheus' text format.
public final class ServiceMetrics: Sendable {
  private struct RequestKey: Hashable {
    var route: String
    var method: String
    var status: Int
  }

  /// Sum, count and cumulative buckets of seconds.
  struct Histogram {
    static let bounds = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60]
    var counts = [Int](repeating: 0, count: bounds.count)
    var sum = 0.0
    var count = 0

    mutating func add(_ seconds: Double) {
      sum += seconds
      count += 1
      for (index, bound) in Self.bounds.enumerated() where seconds <= bound { counts[index] += 1 }
    }
  }

  private struct State {
    var requests: [RequestKey: Int] = [:]
    var durations: [String: Histogram] = [:]
    var stages: [String: Histogram] = [:]
    var embedded = 0
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
      state.durations[route, default: Histogram()].add(seconds)
    }
  }

  func embedded(_ count: Int, decoding: Duration, queued: Duration, computed: Duration) {
    state.withLock { state in
      state.embedded += count
      for (stage, duration) in [("decode", decoding), ("queue", queued), ("infer", computed)] {
        state.stages[stage, default: Histogram()].add(duration / .seconds(1))
      }
    }
  }

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
    page.family("byol_embed_images_total", "counter", "Pictures embedded.")
    page.sample("byol_embed_images_total", Double(state.embedded))
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
      for (bound, count) in zip(ServiceMetrics.Histogram.bounds, histogram.counts) {
        sample("\(name)_bucket", Double(count), [(label, key), ("le", "\(bound)")])
      }
      sample("\(name)_bucket", Double(histogram.count), [(label, key), ("le", "+Inf")])
      sample("\(name)_sum", histogram.sum, [(label, key)])
      sample("\(name)_count", Double(histogram.count), [(label, key)])
    }
  }

  private func escaped(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
  }
}
