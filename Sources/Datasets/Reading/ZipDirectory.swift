import Images

/// The directory at the end of a zip file (APPNOTE 6.3.10, sections 4.3.12 to 4.3.16), read from the file as needed.
///
/// It alone says which entries there are, what their names are in bytes, and how to go on behind a damaged entry.
struct ZipDirectory {
  /// Where the zip begins in the file: another file may stand before it.
  let start: Int
  /// The first byte behind the zip.
  let end: Int
  /// Where each entry's record stands in the file, in the order of the entries' own offsets.
  let records: [Int]

  private static let endByteCount = 22
  /// An end record has a comment of 65,535 bytes at most. The rest is for bytes that something hung on the file.
  private static let searchByteCount = 1 << 20
  fileprivate static let recordByteCount = 46
  private static let endMagic: UInt32 = 0x0605_4B50
  private static let end64Magic: UInt32 = 0x0606_4B50
  private static let locatorMagic: UInt32 = 0x0706_4B50
  private static let recordMagic: UInt32 = 0x0201_4B50

  /// The directory of the last zip that ends before `limit`; nil where there is none.
  ///
  /// - Throws: `brokenArchive` for a directory that breaks the rules, `tooManyEntries`, `unsupportedArchive` for a part of a
  ///   split archive.
  init?(
    in file: ReadableFile, before limit: Int, entryLimit: Int
  ) throws(AdmissionError) {
    let first = max(0, limit - ZipDirectory.searchByteCount)
    guard let tail = file.bytes(at: first, count: limit - first) else {
      throw .unreadableSource("The archive cannot be read.")
    }
    // From behind: the words of the end record may stand in a picture's bytes too, whose directory then is none.
    var at = tail.count - ZipDirectory.endByteCount
    while at >= 0 {
      if tail[at] == 0x50, let found = ZipDirectory.End(tail, at, first, file),
        found.recordsAt >= 0,
        found.count == 0
          || file.word32(at: found.recordsAt) == ZipDirectory.recordMagic
      {
        start = found.recordsAt - found.recordsOffset
        end = first + at + ZipDirectory.endByteCount + found.commentByteCount
        guard !found.isPart else {
          throw .unsupportedArchive(
            "The file is one part of a split zip. Join the parts first, for example with `zip -s 0 in.zip --out one.zip`."
          )
        }
        guard start >= 0 else {
          throw .brokenArchive("The zip's directory points before the file.")
        }
        records = try ZipDirectory.records(of: found, in: file, start: start, limit: entryLimit)
        return
      }
      at -= 1
    }
    return nil
  }

  /// What the end record says, or its 64-bit form.
  private struct End {
    var count: Int
    var recordsByteCount: Int
    var recordsOffset: Int
    /// The offset of the records in the file, reckoned from the end record, before which they stand.
    var recordsAt: Int
    var commentByteCount: Int
    var isPart: Bool

    init?(_ tail: [UInt8], _ at: Int, _ first: Int, _ file: ReadableFile) {
      var reader = ByteReader(bytes: tail, offset: at)
      guard reader.take(UInt32.self) == endMagic, let disk = reader.take(UInt16.self),
        reader.take(UInt16.self) != nil, reader.take(UInt16.self) != nil,
        let count = reader.take(UInt16.self), let byteCount = reader.take(UInt32.self),
        let offset = reader.take(UInt32.self), let comment = reader.take(UInt16.self),
        at + endByteCount + Int(comment) <= tail.count
      else { return nil }
      commentByteCount = Int(comment)
      isPart = disk != 0 && disk != 0xFFFF
      (self.count, recordsByteCount) = (Int(count), Int(byteCount))
      recordsOffset = Int(offset)
      var recordsEnd = first + at
      if count == 0xFFFF || byteCount == .max || offset == .max {
        guard let large = End.large(file, endAt: first + at) else { return nil }
        (self.count, recordsByteCount, recordsOffset, recordsEnd) = large
      }
      recordsAt = recordsEnd - recordsByteCount
      // Where something was put before the file, its offsets are too small; where the directory itself is not right
      // before the end record, they must be taken at their word.
      if file.word32(at: recordsAt) != recordMagic, file.word32(at: recordsOffset) == recordMagic {
        recordsAt = recordsOffset
      }
    }

    /// Count, bytes, offset and end of the records by the 64-bit end record.
    private static func large(_ file: ReadableFile, endAt: Int) -> (Int, Int, Int, Int)? {
      guard let locator = file.bytes(at: endAt - 20, count: 20), endAt >= 20 else { return nil }
      var reader = ByteReader(bytes: locator)
      guard reader.take(UInt32.self) == locatorMagic, reader.take(UInt32.self) != nil,
        let told = reader.take(UInt64.self).flatMap(Int.init(exactly:))
      else { return nil }
      // The locator's offset is wrong where something stands before the zip; then the record is right before it.
      for at in [told, endAt - 20 - 56] {
        guard at >= 0, let bytes = file.bytes(at: at, count: 56) else { continue }
        var reader = ByteReader(bytes: bytes)
        guard reader.take(UInt32.self) == end64Magic, reader.take(28) != nil,
          let count = reader.take(UInt64.self).flatMap(Int.init(exactly:)),
          let byteCount = reader.take(UInt64.self).flatMap(Int.init(exactly:)),
          let offset = reader.take(UInt64.self).flatMap(Int.init(exactly:)),
          byteCount <= at, count <= byteCount / recordByteCount
        else { continue }
        return (count, byteCount, offset, at)
      }
      return nil
    }
  }

  /// The offsets of the records, sorted by the offsets of their entries.
  private static func records(
    of end: End, in file: ReadableFile, start: Int, limit: Int
  ) throws(AdmissionError) -> [Int] {
    guard end.count <= limit else { throw .tooManyEntries(limit: limit) }
    var found: [(entry: Int, record: Int)] = []
    var at = end.recordsAt
    for _ in 0..<end.count {
      guard let record = ZipRecord(in: file, at: at, start: start) else {
        throw .brokenArchive("The zip's directory is damaged at byte \(at).")
      }
      found.append((record.entryOffset, at))
      at += record.byteCount
    }
    // In the order of the file reading goes forward only. Zips are nearly always sorted so already.
    found.sort { ($0.entry, $0.record) < ($1.entry, $1.record) }
    return found.map(\.record)
  }
}

/// One entry's record in the directory.
struct ZipRecord {
  /// Bytes of the record, with name, extra fields and comment.
  let byteCount: Int
  let name: String
  let isEncrypted: Bool
  /// 0 stored, 8 Deflate; others are not read.
  let method: Int
  let checksum: UInt32
  let compressedByteCount: Int
  let entryByteCount: Int
  /// Where the entry begins in the file.
  let entryOffset: Int
  /// Unix' mode, or 0 where the zip was not made on Unix.
  let mode: UInt32
  let isFolder: Bool

  /// The record at an offset of the file, of a zip that begins at `start`; nil where there is none.
  init?(in file: ReadableFile, at position: Int, start: Int) {
    guard let head = file.bytes(at: position, count: ZipDirectory.recordByteCount) else {
      return nil
    }
    var reader = ByteReader(bytes: head)
    guard reader.take(UInt32.self) == 0x0201_4B50, let version = reader.take(UInt16.self),
      reader.take(UInt16.self) != nil, let flags = reader.take(UInt16.self),
      let method = reader.take(UInt16.self), reader.take(UInt32.self) != nil,
      let checksum = reader.take(UInt32.self), let packed = reader.take(UInt32.self),
      let whole = reader.take(UInt32.self), let nameCount = reader.take(UInt16.self),
      let extraCount = reader.take(UInt16.self), let commentCount = reader.take(UInt16.self),
      reader.take(UInt16.self) != nil, reader.take(UInt16.self) != nil,
      let attributes = reader.take(UInt32.self), let offset = reader.take(UInt32.self),
      let texts = file.bytes(
        at: position + ZipDirectory.recordByteCount, count: Int(nameCount) + Int(extraCount)),
      texts.count == Int(nameCount) + Int(extraCount)
    else { return nil }
    byteCount =
      ZipDirectory.recordByteCount + Int(nameCount) + Int(extraCount) + Int(commentCount)
    let raw = Array(texts.prefix(Int(nameCount)))
    let extra = ZipExtra(Array(texts.dropFirst(Int(nameCount))))
    let sizes = extra.sizes(whole: whole, packed: packed, offset: offset)
    guard let entryOffset = sizes?.offset, let sizes, entryOffset <= Int.max - start else {
      return nil
    }
    name = ZipRecord.name(raw, host: version >> 8, extra: extra)
    isEncrypted = flags & 1 != 0
    self.method = Int(method)
    self.checksum = checksum
    (compressedByteCount, entryByteCount) = (sizes.packed, sizes.whole)
    self.entryOffset = start + entryOffset
    // 3 is Unix, 19 macOS.
    mode = [3, 19].contains(version >> 8) ? attributes >> 16 : 0
    isFolder = name.utf8.last == UInt8(ascii: "/") || mode & 0o170000 == 0o040000
  }

  /// The name: UTF-8 where it is that (marked or not), else Info-ZIP's Unicode path where it belongs to this name, else
  /// code page 437. Zips of some Windows programs have `\` in place of `/`.
  private static func name(_ raw: [UInt8], host: UInt16, extra: ZipExtra) -> String {
    let bytes = extra.unicodePath(for: raw) ?? raw
    let text = EntryName.text(bytes, otherwise: .codePage437)
    // Only in text that is known to be text: in Shift JIS 0x5C is half of a character.
    guard [0, 10, 11].contains(host), String(validating: bytes, as: UTF8.self) != nil,
      !bytes.contains(UInt8(ascii: "/"))
    else { return text }
    return text.split(separator: "\\", omittingEmptySubsequences: false).joined(separator: "/")
  }
}

/// The extra fields of a record that are looked at.
private struct ZipExtra {
  private var large: [UInt8]?
  private var unicode: [UInt8]?

  init(_ bytes: [UInt8]) {
    var reader = ByteReader(bytes: bytes)
    while let tag = reader.take(UInt16.self), let count = reader.take(UInt16.self),
      let content = reader.take(Int(count))
    {
      if tag == 0x0001 { large = Array(content) }
      if tag == 0x7075 { unicode = Array(content) }
    }
  }

  /// Sizes and offset, from the 64-bit field where the record's own are full; nil where they are missing there.
  func sizes(whole: UInt32, packed: UInt32, offset: UInt32) -> (
    whole: Int, packed: Int, offset: Int
  )? {
    var reader = ByteReader(bytes: large ?? [])
    var values: [Int] = []
    for short in [whole, packed, offset] {
      if short < .max {
        values.append(Int(short))
      } else if let long = reader.take(UInt64.self).flatMap(Int.init(exactly:)) {
        values.append(long)
      } else {
        return nil
      }
    }
    return (values[0], values[1], values[2])
  }

  /// Info-ZIP's Unicode path (field 0x7075): a version, the checksum of the name that it replaces, and UTF-8.
  func unicodePath(for raw: [UInt8]) -> [UInt8]? {
    var reader = ByteReader(bytes: unicode ?? [])
    guard reader.take(UInt8.self) == 1, reader.take(UInt32.self) == crc32(raw) else { return nil }
    let path = Array(reader.bytes.dropFirst(reader.offset))
    return path.isEmpty ? nil : path
  }
}

extension ReadableFile {
  fileprivate func word32(at offset: Int) -> UInt32? {
    guard offset >= 0, let bytes = bytes(at: offset, count: 4) else { return nil }
    var reader = ByteReader(bytes: bytes)
    return reader.take(UInt32.self)
  }
}
