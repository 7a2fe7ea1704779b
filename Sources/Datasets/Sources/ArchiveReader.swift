import CArchive
import Images

/// Streams a tar (plain, gzip, zstd) or zip file; nothing is ever unpacked to the disk.
@safe
final class ArchiveReader: EntryReader {
  private let archive: OpaquePointer
  private let limits: AdmissionLimits
  private let block: UnsafeMutableRawPointer
  private var readByteCount = 0
  private static let blockByteCount = 1 << 16

  init(path: String, limits: AdmissionLimits) throws(AdmissionError) {
    guard let opened = unsafe archive_read_new() else {
      throw .unreadableSource("There is no memory to open the archive.")
    }
    unsafe archive = opened
    self.limits = limits
    unsafe block = .allocate(byteCount: ArchiveReader.blockByteCount, alignment: 64)
    unsafe archive_read_support_format_tar(opened)
    unsafe archive_read_support_format_zip(opened)
    unsafe archive_read_support_filter_gzip(opened)
    unsafe archive_read_support_filter_zstd(opened)
    guard unsafe archive_read_open_filename(opened, path, 1 << 18) == ARCHIVE_OK else {
      let detail = unsafe message(of: opened)
      throw .unsupportedArchive("Not a tar, tar.gz, tar.zst or zip archive: \(detail)")
    }
  }

  deinit {
    unsafe archive_read_free(archive)
    unsafe block.deallocate()
  }

  var byteCount: Int { max(readByteCount, Int(unsafe archive_filter_bytes(archive, 0))) }

  func next() throws(AdmissionError) -> SourceEntry? {
    while true {
      var entry: OpaquePointer? = nil
      let code = unsafe archive_read_next_header(archive, &entry)
      if code == ARCHIVE_EOF { return nil }
      guard code >= ARCHIVE_WARN, let entry = unsafe entry else { throw broken() }
      if let found = try unsafe visit(entry) { return found }
    }
  }

  /// The entry behind a header; nil for a folder.
  private func visit(_ entry: OpaquePointer) throws(AdmissionError) -> SourceEntry? {
    guard let name = unsafe name(of: entry) else {
      return SourceEntry(
        name: "(unnamed)", content: .refused(.unsafePath, "The name is not UTF-8 text."))
    }
    if unsafe archive_entry_hardlink(entry) != nil || archive_entry_symlink(entry) != nil {
      return SourceEntry(name: name, content: .refused(.link, "Links are not followed."))
    }
    let kind = unsafe archive_entry_filetype(entry)
    if kind == 0o040000 { return nil }
    guard kind == 0o100000 else {
      return SourceEntry(name: name, content: .refused(.notAFile, "It is not a regular file."))
    }
    guard unsafe archive_entry_is_encrypted(entry) == 0 else {
      return SourceEntry(name: name, content: .refused(.unreadable, "It is encrypted."))
    }
    guard let parts = SourcePath.components(name) else {
      return SourceEntry(
        name: name, content: .refused(.unsafePath, "The path leads out of the archive."))
    }
    if SourcePath.isHidden(parts) {
      return SourceEntry(name: name, content: .skipped("hidden"))
    }
    return SourceEntry(name: name, content: try content(name: name))
  }

  /// The bytes, as far as they can be a picture's.
  private func content(name: String) throws(AdmissionError) -> SourceEntry.Content {
    var bytes: [UInt8] = []
    let limit = limits.image.encodedByteCount
    while bytes.count <= limit {
      let before = bytes.count
      try appendBlock(to: &bytes)
      if bytes.count == before { return .bytes(bytes) }
      if before == 0, !SourcePath.isPictureName(name), ImageFormat(sniffing: bytes) == nil {
        return .skipped("not a picture")
      }
    }
    return .refused(.tooManyBytes, "More than \(limit) encoded bytes.")
  }

  private func appendBlock(to bytes: inout [UInt8]) throws(AdmissionError) {
    let got = unsafe archive_read_data(archive, block, ArchiveReader.blockByteCount)
    guard got >= 0 else { throw broken() }
    unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(start: block, count: got))
    readByteCount += got
  }

  private func name(of entry: OpaquePointer) -> String? {
    if let text = unsafe archive_entry_pathname_utf8(entry) { return unsafe String(cString: text) }
    guard let text = unsafe archive_entry_pathname(entry) else { return nil }
    return unsafe String(validatingCString: text)
  }

  private func broken() -> AdmissionError {
    .brokenArchive(unsafe message(of: archive))
  }
}

private func message(of archive: OpaquePointer) -> String {
  guard let text = unsafe archive_error_string(archive) else { return "no reason given" }
  return unsafe String(cString: text)
}
