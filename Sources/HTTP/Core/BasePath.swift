/// The path under which a proxy shows a server, such as `/byol`, to whoever asks the proxy.
///
/// Requests come with it or, from a proxy that takes it off or from this machine, without it. Addresses that the server gives begin
/// with it.
public struct BasePath: Sendable, Hashable {
  /// Beginning with a slash and not ending in one; empty for the root.
  public let text: String
  private let folder: String

  /// The root.
  public static let root = BasePath(unchecked: "")

  /// A base path; nil where it is none: a slash, then segments of letters, digits and `-._~`, none of them `.` or `..`, at most
  /// 200 characters, without a slash at the end. Empty and `/` are the root.
  public init?(_ text: String) {
    if text.isEmpty || text == "/" {
      self = .root
      return
    }
    let segments = text.split(separator: "/", omittingEmptySubsequences: false)
    let isPlain = segments.dropFirst().allSatisfy { segment in
      !segment.isEmpty && segment != "." && segment != ".."
        && segment.utf8.allSatisfy {
          isDigit($0) || lowercase($0) &- 0x61 < 26 || [0x2D, 0x2E, 0x5F, 0x7E].contains($0)
        }
    }
    guard text.hasPrefix("/"), isPlain, text.utf8.count <= 200 else { return nil }
    self.init(unchecked: text)
  }

  private init(unchecked text: String) {
    (self.text, folder) = (text, text + "/")
  }

  /// A decoded path without the base: it begins with a slash, but for the base itself, of which nothing is left.
  func removed(from path: String) -> String {
    guard !text.isEmpty else { return path }
    if path.hasPrefix(folder) { return String(path.dropFirst(text.count)) }
    return path == text ? "" : path
  }
}
