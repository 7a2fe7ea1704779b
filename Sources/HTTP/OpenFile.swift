internal import CSystem

/// A regular file opened for reading, with its size and time as of the opening.
public final class OpenFile: Sendable {
  /// Length in bytes.
  public let size: Int
  /// Modification time in seconds since 1970.
  public let modified: Int
  /// A strong validator made of the file's identity, size and time.
  public let etag: String
  /// The modification time as HTTP writes it.
  let modifiedText: String
  let descriptor: Int32

  /// Opens a file by a path that the program, not a client, chose.
  ///
  /// - Throws: `HTTPError` 404 when there is no such regular file.
  public convenience init(path: String) throws(HTTPError) {
    try self.init(descriptor: unsafe byol_open_read(path))
  }

  /// Takes over a descriptor, or the negative error of opening it.
  init(descriptor: Int32) throws(HTTPError) {
    guard descriptor >= 0 else { throw OpenFile.failure(-descriptor) }
    var size: Int64 = 0
    var seconds: Int64 = 0
    var nanoseconds: Int64 = 0
    var inode: UInt64 = 0
    let result = unsafe byol_file_status(descriptor, &size, &seconds, &nanoseconds, &inode)
    guard result == 0 else {
      _ = byol_close(descriptor)
      throw HTTPError.notFound
    }
    self.descriptor = descriptor
    self.size = Int(size)
    modified = Int(seconds)
    modifiedText = HTTPDate.text(Int(seconds))
    let stamp = UInt64(bitPattern: seconds) &* 1_000_000_000 &+ UInt64(bitPattern: nanoseconds)
    etag =
      "\"" + String(inode, radix: 36) + "-" + String(stamp, radix: 36) + "-"
      + String(size, radix: 36) + "\""
  }

  deinit { _ = byol_close(descriptor) }

  /// Reads up to `count` bytes at an offset; empty at the end of the file.
  ///
  /// - Throws: `HTTPError` 500 when the disk fails.
  public func read(at offset: Int, count: Int) throws(HTTPError) -> [UInt8] {
    var bytes: [UInt8] = []
    try append(offset..<offset + count, to: &bytes)
    return bytes
  }

  /// Appends the bytes of a range, or fewer where the file ends before.
  func append(_ range: Range<Int>, to bytes: inout [UInt8]) throws(HTTPError) {
    var got = 0
    bytes.append(addingCapacity: range.count) { span in
      unsafe span.withUnsafeMutableBufferPointer { buffer, added in
        got = unsafe byol_read_at(
          descriptor, buffer.baseAddress, range.count, Int64(range.lowerBound))
        added = max(0, got)
      }
    }
    if got < 0 {
      throw HTTPError(.readFailed, "A file could not be read.")
    }
  }

  private static func failure(_ code: Int32) -> HTTPError {
    // Out of descriptors or memory is the server's trouble; everything else looks like absence.
    switch code {
    case 23, 24, 12:
      HTTPError(.busy, "The server is out of resources.")
    default: .notFound
    }
  }
}
