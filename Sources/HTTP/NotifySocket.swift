internal import CSystem

/// The socket on which a program tells systemd how far it is (sd_notify(3)): one datagram of `NAME=value` lines each.
public struct NotifySocket: Sendable {
  /// What `NOTIFY_SOCKET` names: a path, or a name in no folder after an `@`.
  private let path: String

  /// Nil where there is nobody to tell: `path` is nil or empty.
  public init?(path: String?) {
    guard let path, !path.isEmpty else { return nil }
    self.path = path
  }

  /// The service takes requests.
  ///
  /// - Throws: `HTTPError` with the code `cannot_notify` where the datagram cannot be sent; the service runs all the same.
  public func ready() throws(HTTPError) { try tell("READY=1\nSTATUS=Serving.") }

  /// The service is ending in order; throws as `ready` does.
  public func stopping() throws(HTTPError) { try tell("STOPPING=1\nSTATUS=Ending.") }

  private func tell(_ message: String) throws(HTTPError) {
    let failure = unsafe byol_tell_unix(path, message)
    guard failure == 0 else {
      throw HTTPError(
        status: 500, code: "cannot_notify",
        detail: "systemd cannot be told at \(path) (errno \(-failure)).")
    }
  }
}
