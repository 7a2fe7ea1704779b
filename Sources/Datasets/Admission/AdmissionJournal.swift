// `journal` in a directory that an admission is filling, little-endian throughout:
//
// "BYOLJRNL", version (u32), the source's fingerprint (text); then blocks, each the length of its content (u32), the
// content's CRC-32 (u32) and the content: the pack's bytes so far (u64), entries (u32) and the entries. A text is its
// length (u32) and UTF-8.
//
// A block is written when the pictures that it tells of are in the pack, so that what a killed process leaves is a
// pack with at least what the journal's whole blocks say.

import Durability
import Images

private enum JournalFormat {
  static let magic = Array("BYOLJRNL".utf8)
  static let version: UInt32 = 3
  static let name = "journal"
  static let byteLimit = 1 << 32
}

/// Notes what became of each entry, for an admission that goes on where this one was killed.
struct AdmissionJournal: ~Copyable {
  private var file: OutputFile
  private var entries = ByteWriter()
  private var entryCount: UInt32 = 0

  /// Begins the journal in `directory`.
  init(directory: String, fingerprint: String, _ fileSystem: any FileSystem) throws(PackError) {
    var file = try OutputFile(JournalFormat.name, in: directory, fileSystem)
    var head = ByteWriter(bytes: JournalFormat.magic)
    head.append(JournalFormat.version)
    head.append(fingerprint)
    try file.write(head.bytes)
    self.file = file
  }

  /// Goes on with the journal that `earlier` was read from.
  init(
    directory: String, after earlier: EarlierAdmission, _ fileSystem: any FileSystem
  ) throws(PackError) {
    file = try OutputFile(
      continuing: JournalFormat.name, in: directory, at: earlier.journalByteCount, fileSystem)
  }

  mutating func add(_ entry: PreparedEntry) {
    entries.append(entry)
    entryCount += 1
  }

  /// Writes the entries added since the last call; the pack must hold their pictures already.
  mutating func commit(packByteCount: Int) throws(PackError) {
    guard entryCount > 0 else { return }
    var content = ByteWriter()
    content.append(UInt64(packByteCount))
    content.append(entryCount)
    content.bytes += entries.bytes
    var block = ByteWriter()
    block.append(UInt32(content.bytes.count))
    block.append(crc32(content.bytes))
    try file.write(block.bytes + content.bytes)
    try file.flush()
    (entries, entryCount) = (ByteWriter(), 0)
  }

  static func remove(from directory: String, _ fileSystem: any FileSystem) throws(PackError) {
    try naming(JournalFormat.name) { () throws(FileSystemError) in
      try fileSystem.remove(directory + "/" + JournalFormat.name)
    }
  }
}

/// What a killed admission of the same source has done already.
struct EarlierAdmission {
  /// What became of the source's first entries, in order; the pictures without their bytes.
  private(set) var entries: [PreparedEntry] = []
  /// The bytes of the pack that these entries' pictures fill.
  private(set) var packByteCount = PackFormat.packHeaderByteCount
  fileprivate private(set) var journalByteCount = 0

  /// Reads the journal in `directory`; nil where there is none, none of this source, or no whole block.
  init?(directory: String, fingerprint: String) {
    let path = BytePath(directory + "/" + JournalFormat.name)
    guard let bytes = readFile(path, limit: JournalFormat.byteLimit) else { return nil }
    var reader = ByteReader(bytes: bytes)
    guard reader.take(8).map(Array.init) == JournalFormat.magic,
      reader.take(UInt32.self) == JournalFormat.version, reader.takeText() == fingerprint
    else { return nil }
    while let length = reader.take(UInt32.self), let sum = reader.take(UInt32.self),
      let content = reader.take(Int(length)), crc32(Array(content)) == sum,
      readBlock(Array(content))
    { journalByteCount = reader.offset }
    guard !entries.isEmpty else { return nil }
  }

  private mutating func readBlock(_ content: [UInt8]) -> Bool {
    var reader = ByteReader(bytes: content)
    guard let pack = reader.take(UInt64.self), let count = reader.take(UInt32.self) else {
      return false
    }
    var block: [PreparedEntry] = []
    for _ in 0..<count {
      guard let entry = reader.takeEntry() else { return false }
      block.append(entry)
    }
    entries += block
    packByteCount = Int(clamping: pack)
    return true
  }
}

extension PreparedEntry {
  /// The path in the source, cut where it was too long.
  var name: String {
    switch self {
    case .accepted(let picture): picture.packed.name
    case .rejected(let rejection): rejection.name
    case .skipped(let skipped): skipped.name
    }
  }
}

extension ByteWriter {
  fileprivate mutating func append(_ text: String) {
    append(UInt32(text.utf8.count))
    bytes += text.utf8
  }

  fileprivate mutating func append(_ entry: PreparedEntry) {
    append(entry.name)
    switch entry {
    case .accepted(let picture):
      bytes.append(0)
      append(picture)
    case .rejected(let rejection):
      bytes.append(1)
      append(rejection.code.rawValue)
      append(rejection.detail)
    case .skipped(let skipped):
      bytes.append(2)
      append(skipped.reason)
    }
  }

  private mutating func append(_ picture: PreparedPicture) {
    let packed = picture.packed
    for word in [
      packed.width, packed.height, packed.channels, packed.byteCount, Int(packed.checksum),
      picture.originalShortSide, picture.usedBits ?? 0,
    ] { append(UInt32(word)) }
    bytes += [packed.isGray ? 1 : 0, packed.storage.rawValue, picture.hasAlpha ? 1 : 0]
    for word in picture.hash.words { append(word) }
    append(picture.kind.rawValue)
    let levels = picture.thumbnail?.levels ?? []
    append(UInt32(levels.count))
    bytes += levels
  }
}

extension ByteReader {
  fileprivate mutating func takeText() -> String? {
    guard let length = take(UInt32.self), let bytes = take(Int(length)) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  fileprivate mutating func takeEntry() -> PreparedEntry? {
    guard let name = takeText(), let kind = take(UInt8.self) else { return nil }
    switch kind {
    case 0: return takePicture(name: name).map(PreparedEntry.accepted)
    case 1:
      guard let code = takeText().flatMap(RejectionCode.init), let detail = takeText() else {
        return nil
      }
      return .rejected(.init(name: name, code: code, detail: detail))
    case 2: return takeText().map { .skipped(.init(name: name, reason: $0)) }
    default: return nil
    }
  }

  private mutating func takePicture(name: String) -> PreparedPicture? {
    guard let width = take(UInt32.self), let height = take(UInt32.self),
      let channels = take(UInt32.self), let byteCount = take(UInt32.self),
      let checksum = take(UInt32.self),
      let shortSide = take(UInt32.self), let usedBits = take(UInt32.self),
      let isGray = take(UInt8.self),
      let storage = take(UInt8.self).flatMap(PictureStorage.init), let alpha = take(UInt8.self),
      let first = take(UInt64.self), let second = take(UInt64.self),
      let kind = takeText().flatMap(ChannelKind.init), let levelCount = take(UInt32.self),
      let levels = take(Int(levelCount)), shortSide > 0
    else { return nil }
    let packed = PackedPicture(
      name: name, width: Int(width), height: Int(height), channels: Int(channels),
      isGray: isGray != 0, storage: storage, bytes: [], byteCount: Int(byteCount),
      checksum: checksum)
    return PreparedPicture(
      packed: packed, hash: ContentHash(words: [first, second]), hasAlpha: alpha != 0, kind: kind,
      originalShortSide: Int(shortSide), usedBits: usedBits == 0 ? nil : Int(usedBits),
      thumbnail: PictureThumbnail(levels: Array(levels)))
  }
}
