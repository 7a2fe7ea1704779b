import Foundation
import Glibc

/// An upload on its way to the disk; removed when let go, whatever happened.
package struct IncomingFile: ~Copyable {
  package let path: String
  private let descriptor: Int32
  private let limit: Int
  private let removing: Bool
  private var byteCount = 0
  private var head: [UInt8] = []

  /// Creates the file; one that is not `removing` stays when let go.
  ///
  /// - Throws: `DatasetLibraryError.diskFull`, `POSIXError`.
  package init(path: String, limit: Int, removing: Bool = true) throws {
    self.removing = removing
    self.path = path
    self.limit = limit
    descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failure(errno) }
  }

  deinit {
    close(descriptor)
    if removing { _ = unsafe unlink(path) }
  }

  /// Adds bytes; refuses as soon as the first 512 show that this is no archive.
  ///
  /// - Throws: `DatasetLibraryError.tooLarge`, `.unknownFormat`, `.diskFull`, `POSIXError`.
  package mutating func append(_ bytes: [UInt8]) throws {
    guard bytes.count <= limit - byteCount else { throw DatasetLibraryError.tooLarge(limit: limit) }
    if head.count < 512 {
      head.append(contentsOf: bytes.prefix(512 - head.count))
      if head.count == 512 { try checkFormat() }
    }
    try write(bytes)
    byteCount += bytes.count
  }

  /// Says that no more bytes come.
  ///
  /// - Throws: `DatasetLibraryError.empty`, `.unknownFormat`.
  func finish() throws {
    guard byteCount > 0 else { throw DatasetLibraryError.empty }
    try checkFormat()
  }

  private func checkFormat() throws(DatasetLibraryError) {
    guard ArchiveFormat(sniffing: head) != nil else { throw .unknownFormat }
  }

  private func write(_ bytes: [UInt8]) throws {
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.write(
          descriptor, buffer.baseAddress.map { unsafe $0 + done }, buffer.count - done)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw failure(errno) }
      done += count
    }
  }
}

/// What archives begin with.
enum ArchiveFormat: String, CaseIterable {
  case zip, gzip, zstd, tar

  /// The format of some first bytes; nil for anything else. A tar shows itself after 262 bytes.
  init?(sniffing head: [UInt8]) {
    if head.starts(with: [0x50, 0x4B, 0x03, 0x04]) || head.starts(with: [0x50, 0x4B, 0x05, 0x06]) {
      self = .zip
    } else if head.starts(with: [0x1F, 0x8B]) {
      self = .gzip
    } else if head.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
      self = .zstd
    } else if head.count >= 262, head[257..<262].elementsEqual("ustar".utf8) {
      self = .tar
    } else {
      return nil
    }
  }
}

/// A failed call of the system: a full disk by its name.
func failure(_ code: Int32) -> any Error {
  switch code {
  case ENOSPC, EDQUOT: DatasetLibraryError.diskFull
  default: POSIXError(POSIXErrorCode(rawValue: code) ?? .EIO)
  }
}

/// Flushes a file or folder to the disk.
///
/// - Throws: `DatasetLibraryError.diskFull`, `POSIXError`.
func synchronize(_ path: String) throws {
  let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw failure(errno) }
  defer { close(descriptor) }
  guard fsync(descriptor) == 0 else { throw failure(errno) }
}
