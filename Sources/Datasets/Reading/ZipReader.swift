import Images

/// Reads the entries of a zip file by its directory, each for itself: a damaged one is refused by name and the others are
/// read. Zips that stand one after the other in the file are all read.
///
/// Why not libarchive, which reads the tars: `docs/decisions/0015-zips-by-their-directory.md`.
final class ZipReader: EntryReader {
  private let file: ReadableFile
  private let limits: AdmissionLimits
  private let directories: [ZipDirectory]
  private var position = (directory: 0, record: 0)
  private(set) var byteCount = 0
  let faults: [ArchiveFault]
  /// Zips in one file at most: each costs a search for its directory.
  private static let zipLimit = 1_000

  /// True where the first bytes are those of a zip: of an entry, of an empty one, of one written in parts.
  static func begins(_ head: [UInt8]) -> Bool {
    ["PK\u{3}\u{4}", "PK\u{5}\u{6}", "PK\u{7}\u{8}", "PK00PK"].contains {
      head.starts(with: $0.utf8)
    }
  }

  /// - Throws: `brokenArchive` where there is no directory, or as `ZipDirectory`.
  init(_ file: ReadableFile, limits: AdmissionLimits) throws(AdmissionError) {
    self.file = file
    self.limits = limits
    var (directories, faults): ([ZipDirectory], [ArchiveFault]) = ([], [])
    var limit = file.byteCount
    var entryLimit = limits.entryCount
    while limit > 0,
      let found = try ZipDirectory(in: file, before: limit, entryLimit: entryLimit)
    {
      if found.end < limit {
        faults.append(.bytesAfterEnd(limit - found.end, at: found.end))
      }
      guard directories.count < ZipReader.zipLimit else {
        throw .brokenArchive("More than \(ZipReader.zipLimit) zips stand one after the other.")
      }
      directories.append(found)
      entryLimit -= found.records.count
      guard found.start < limit else { break }
      limit = found.start
    }
    guard let first = directories.last else {
      throw .brokenArchive(
        "A zip has its directory at its end, and there is none. The file was probably cut off: make or send it again."
      )
    }
    if first.start > 0 { faults.append(.bytesBeforeStart(first.start)) }
    self.directories = directories.reversed()
    self.faults = faults.reversed()
  }

  func next() throws(AdmissionError) -> SourceEntry? {
    while position.directory < directories.count {
      let directory = directories[position.directory]
      guard position.record < directory.records.count else {
        position = (position.directory + 1, 0)
        continue
      }
      let at = directory.records[position.record]
      position.record += 1
      guard let record = ZipRecord(in: file, at: at, start: directory.start) else {
        throw .unreadableSource("The archive was altered while it was read.")
      }
      if let entry = visit(record) { return entry }
    }
    return nil
  }

  /// The entry of a record; nil for a folder.
  private func visit(_ record: ZipRecord) -> SourceEntry? {
    if record.isFolder { return nil }
    return SourceEntry(archived: record.name) { () throws(Never) in
      switch record.mode & 0o170000 {
      case 0, 0o100000: break
      case 0o120000: return .refused(.link, "Links are not followed.")
      default: return .refused(.notAFile, "It is not a regular file.")
      }
      guard !record.isEncrypted else { return .refused(.unreadable, "It is encrypted.") }
      return content(of: record)
    }
  }

  /// The bytes, as far as they can be a picture's.
  private func content(of record: ZipRecord) -> SourceEntry.Content {
    let limit = limits.image.encodedByteCount
    guard record.method == 0 || record.method == 8 else {
      return .refused(
        .unreadable,
        "It is compressed by method \(record.method); only Deflate (8) and none (0) are read. Make the zip with Deflate."
      )
    }
    guard let data = dataOffset(of: record) else {
      return .refused(.damagedEntry, "Its own header in the zip is damaged.")
    }
    var source = PackedBytes(file: file, range: data..<data + record.compressedByteCount)
    guard var inflater = Inflater(method: record.method) else {
      return .refused(.outOfMemory, "There is no memory to unpack it.")
    }
    var bytes: [UInt8] = []
    while bytes.count <= limit {
      let before = bytes.count
      guard inflater.append(to: &bytes, from: &source) else {
        return .refused(.damagedEntry, "Its compressed bytes are damaged.")
      }
      byteCount += bytes.count - before
      if bytes.count == before { return whole(bytes, record) }
      if before == 0, let reason = SourcePath.skipReason(name: record.name, head: bytes) {
        return .skipped(reason)
      }
    }
    return .refused(.tooManyBytes, "More than \(limit) encoded bytes.")
  }

  private func whole(_ bytes: [UInt8], _ record: ZipRecord) -> SourceEntry.Content {
    guard bytes.count == record.entryByteCount else {
      return .refused(
        .damagedEntry,
        "It has \(bytes.count) bytes; the zip's directory says \(record.entryByteCount).")
    }
    guard crc32(bytes) == record.checksum else {
      return .refused(
        .damagedEntry, "Its bytes do not give the checksum (CRC-32) that the zip says.")
    }
    return .bytes(bytes)
  }

  /// Where the entry's data begins; nil where its own header is damaged or the data would reach behind the file.
  private func dataOffset(of record: ZipRecord) -> Int? {
    guard record.entryOffset <= file.byteCount,
      let head = file.bytes(at: record.entryOffset, count: 30)
    else { return nil }
    var reader = ByteReader(bytes: head)
    guard reader.take(UInt32.self) == 0x0403_4B50, reader.take(22) != nil,
      let nameCount = reader.take(UInt16.self), let extraCount = reader.take(UInt16.self)
    else { return nil }
    let start = record.entryOffset + 30 + Int(nameCount) + Int(extraCount)
    return record.compressedByteCount <= file.byteCount - start ? start : nil
  }
}

extension ArchiveFault {
  fileprivate static func bytesAfterEnd(_ count: Int, at end: Int) -> ArchiveFault {
    ArchiveFault(
      code: .bytesAfterEnd,
      detail: "\(count) bytes from byte \(end) on follow the zip's end and are not read.")
  }

  fileprivate static func bytesBeforeStart(_ count: Int) -> ArchiveFault {
    ArchiveFault(
      code: .bytesBeforeStart,
      detail:
        "\(count) bytes stand before the zip and are not read: a program, or a file that was cut off."
    )
  }
}
