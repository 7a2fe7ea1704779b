import CArchive
import Glibc
import Images

/// Streams a tar file (plain, gzip or zstd); nothing is ever unpacked to the disk.
///
/// Archives that stand one after the other in the file are read as one. What is wrong with the archive as a whole is in
/// `faults`; a compressed stream or an entry that ends early ends the reading with an error.
@safe
final class TarReader: EntryReader {
  private let archive: OpaquePointer
  private let limits: AdmissionLimits
  private let block: UnsafeMutableRawPointer
  private let fileByteCount: Int
  private let plainLocale: locale_t?
  private var readByteCount = 0
  private var damage: Range<Int>?
  private var lastName: String?
  /// Where the data of the last entry ends by its header.
  private var dataEnd = 0
  private(set) var faults: [ArchiveFault] = []
  private static let blockByteCount = 1 << 16
  /// Bytes of a tar's header, and what its entries are padded to.
  private static let recordByteCount = 512
  /// Faults that are listed; of further ones nothing new is to be learnt.
  private static let faultLimit = 100

  init(path: String, byteCount: Int, limits: AdmissionLimits) throws(AdmissionError) {
    guard let opened = unsafe byol_tar_reader_new() else {
      throw .unreadableSource("There is no memory to open the archive.")
    }
    unsafe archive = opened
    self.limits = limits
    fileByteCount = byteCount
    unsafe block = .allocate(byteCount: TarReader.blockByteCount, alignment: 64)
    unsafe plainLocale = newlocale(1 << LC_CTYPE, "C", nil)
    guard unsafe archive_read_open_filename(opened, path, 1 << 18) == ARCHIVE_OK else {
      let detail = unsafe message(of: opened)
      throw .unsupportedArchive("Not a tar, tar.gz, tar.zst or zip archive: \(detail)")
    }
  }

  deinit {
    unsafe archive_read_free(archive)
    unsafe block.deallocate()
    if let plainLocale = unsafe plainLocale { unsafe freelocale(plainLocale) }
  }

  var byteCount: Int { max(readByteCount, position) }

  /// Bytes taken so far, after decompression.
  private var position: Int { Int(unsafe archive_filter_bytes(archive, 0)) }

  func next() throws(AdmissionError) -> SourceEntry? {
    // libarchive turns names into the locale's encoding, and drops or alters those that do not fit. In the plain locale
    // there is nothing to turn them into, so that their bytes arrive as they stand in the archive. A locale is set for
    // a thread, and each call may come from another one.
    let callers = unsafe uselocale(plainLocale)
    defer { unsafe uselocale(callers) }
    while true {
      var entry: OpaquePointer? = nil
      let code = unsafe archive_read_next_header(archive, &entry)
      let start = Int(unsafe archive_read_header_position(archive))
      if code == ARCHIVE_RETRY {
        // Not a header. Each call goes on by one record, so that the next whole header is found.
        damage = (damage?.lowerBound ?? start)..<position
        guard byteCount <= limits.totalByteCount else {
          throw .tooManyBytes(limit: limits.totalByteCount)
        }
        continue
      }
      if code == ARCHIVE_FATAL, noteOddEnd() { return nil }
      noteDamage()
      if code == ARCHIVE_EOF {
        noteEnd(after: start)
        return nil
      }
      guard code >= ARCHIVE_WARN, let entry = unsafe entry else { throw broken() }
      if let found = try unsafe visit(entry) { return found }
    }
  }

  /// The entry behind a header; nil for a folder.
  private func visit(_ entry: OpaquePointer) throws(AdmissionError) -> SourceEntry? {
    guard let bytes = unsafe nameBytes(of: entry), !bytes.isEmpty else {
      return .refused("(unnamed)", .unsafePath, "The entry has no name.")
    }
    let name = EntryName.text(bytes, otherwise: .percent)
    lastName = name
    // A header may claim any size; what no file has needs no exact sum.
    let size = min(max(0, Int(unsafe archive_entry_size(entry))), 1 << 60)
    let records = (size + TarReader.recordByteCount - 1) / TarReader.recordByteCount
    dataEnd = position + records * TarReader.recordByteCount
    let kind = unsafe archive_entry_filetype(entry)
    if kind == 0o040000 { return nil }
    let isLink = unsafe archive_entry_hardlink(entry) != nil || archive_entry_symlink(entry) != nil
    return try SourceEntry(archived: name) { () throws(AdmissionError) in
      if isLink { return .refused(.link, "Links are not followed.") }
      guard kind == 0o100000 else { return .refused(.notAFile, "It is not a regular file.") }
      return try content(name: name)
    }
  }

  /// The bytes, as far as they can be a picture's.
  private func content(name: String) throws(AdmissionError) -> SourceEntry.Content {
    var bytes: [UInt8] = []
    let limit = limits.image.encodedByteCount
    while bytes.count <= limit {
      let before = bytes.count
      try appendBlock(to: &bytes)
      if bytes.count == before { return .bytes(bytes) }
      if before == 0, let reason = SourcePath.skipReason(name: name, head: bytes) {
        return .skipped(reason)
      }
    }
    return .refused(.tooManyBytes, "More than \(limit) encoded bytes.")
  }

  private func appendBlock(to bytes: inout [UInt8]) throws(AdmissionError) {
    let got = unsafe archive_read_data(archive, block, TarReader.blockByteCount)
    guard got >= 0 else { throw broken() }
    unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(start: block, count: got))
    readByteCount += got
  }

  private func nameBytes(of entry: OpaquePointer) -> [UInt8]? {
    let text = unsafe archive_entry_pathname(entry) ?? archive_entry_pathname_utf8(entry)
    guard let text = unsafe text else { return nil }
    return unsafe Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
  }

  private func broken() -> AdmissionError {
    let place = lastName.map { ", at or after \($0)" } ?? ""
    return .brokenArchive("\(unsafe message(of: archive))\(place), byte \(position)")
  }
}

// MARK: What is wrong with the archive as a whole

extension TarReader {
  private func noteDamage() {
    guard let damage else { return }
    self.damage = nil
    let after = lastName.map { "after \($0)" } ?? "at the beginning"
    note(
      .damagedHeader,
      "\(damage.count) bytes from byte \(damage.lowerBound) on, \(after), are no header of a tar: whatever entries they "
        + "were are lost.")
  }

  /// What the end tells; `end` is where the last entry's data ended.
  private func noteEnd(after end: Int) {
    // A tar ends with two records of zeros. Without one, whoever wrote it may have been interrupted.
    if position - end < TarReader.recordByteCount {
      note(
        .noEndMark,
        "The archive ends without its end mark, at byte \(position): whatever made it was probably interrupted, and "
          + "entries may be missing.")
    }
    let left = fileByteCount - Int(unsafe archive_filter_bytes(archive, -1))
    if left > 0 {
      note(
        .bytesAfterEnd, "\(left) bytes follow the end of the compressed archive and are not read.")
    }
  }

  /// True where the file ends within a record, after bytes that are no header or after the end mark: then nothing of the
  /// archive is missing. libarchive tells no place of a header then.
  private func noteOddEnd() -> Bool {
    if damage != nil {
      damage = damage.map { $0.lowerBound..<max($0.upperBound, position) }
      noteDamage()
      return true
    }
    guard position - dataEnd >= TarReader.recordByteCount else { return false }
    note(
      .bytesAfterEnd, "Bytes follow the archive's end, from byte \(position) on, and are not read.")
    return true
  }

  private func note(_ code: ArchiveFault.Code, _ detail: String) {
    guard faults.count < TarReader.faultLimit else { return }
    faults.append(ArchiveFault(code: code, detail: detail))
  }
}

private func message(of archive: OpaquePointer) -> String {
  guard let text = unsafe archive_error_string(archive) else { return "no reason given" }
  return unsafe String(cString: text)
}
