import Checkpoints
import Durability
import HTTP
import Threads

/// The SHA-256 of files that never change, computed at the first request on a thread that does nothing else.
actor FileDigests {
  private let executor = ThreadExecutor(name: "digests")
  /// By the validator that the server makes of a file's identity, size and time.
  private var known: [String: String] = [:]
  private static let limit = 1000
  private static let chunkByteCount = 1 << 20

  nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  /// 64 lower-case hexadecimal digits, as `sha256sum` prints them.
  ///
  /// - Throws: `HTTPError` 500 when the disk fails.
  func digest(of file: OpenFile) throws(HTTPError) -> String {
    if let digest = known[file.etag] { return digest }
    var digest = SHA256()
    for offset in stride(from: 0, to: file.size, by: Self.chunkByteCount) {
      digest.update(try file.read(at: offset, count: min(Self.chunkByteCount, file.size - offset)))
    }
    if known.count >= Self.limit { known = [:] }
    let text = digest.hexDigest()
    known[file.etag] = text
    return text
  }
}
