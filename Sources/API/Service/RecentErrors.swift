import Identifiers
import Synchronization

/// What the last errors of the service are held to.
public struct RecentErrorLimits: Sendable {
  /// Errors that are kept; the oldest goes.
  public var errors = 50
  /// Characters of a sentence that are kept.
  public var characters = 400

  /// The defaults.
  public init() {}
}

/// The last requests that failed, for the operator.
///
/// The same error of the same operation, again and again, is one line with a count: whoever sends nonsense a thousand times
/// hides nothing else. What a client wrote is not kept: quoted text and paths are left out of the sentences.
final class RecentErrors: Sendable {
  struct Entry: Sendable, Equatable {
    /// The last time.
    var at: Timestamp
    /// The last request's identifier.
    var request: String
    /// Method and pattern of the route.
    var operation: String
    var status: Int
    var code: String
    var sentence: String
    /// How often in all.
    var count: Int
  }

  private let limits: RecentErrorLimits
  private let entries = Mutex<[Entry]>([])  // the newest last

  init(limits: RecentErrorLimits = RecentErrorLimits()) { self.limits = limits }

  /// Keeps an error.
  func add(_ error: APIError, operation: String, request: String, at: Timestamp) {
    let sentence = String(publicSentence(error.detail).prefix(limits.characters))
    entries.withLock { entries in
      var count = 1
      if let index = entries.firstIndex(where: {
        $0.operation == operation && $0.code == error.code.rawValue
      }) {
        count += entries.remove(at: index).count
      }
      entries.append(
        Entry(
          at: at, request: request, operation: operation, status: error.code.status,
          code: error.code.rawValue, sentence: sentence, count: count))
      if entries.count > limits.errors { entries.removeFirst() }
    }
  }

  /// The newest first.
  var newestFirst: [Entry] { entries.withLock { $0.reversed() } }
}

/// A sentence without what a client wrote: text in quotes, and words with a slash, become an ellipsis.
func publicSentence(_ text: String) -> String {
  text.replacing(#/"[^"]*"?/#, with: "\"…\"").replacing(#/[^\s"]*/[^\s"]*/#, with: "…")
}
