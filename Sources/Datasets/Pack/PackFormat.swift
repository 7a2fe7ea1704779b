// The two files of a pack, little-endian throughout.
//
// `pack`   16 bytes: "BYOLPACK", identity (u64); then every picture's bytes, each from a multiple of
//          16 on, zeros between.
// `index`  64 bytes: "BYOLINDX", version (u32), pictures (u32), labels (u32), 0 (u32), bytes of
//          `pack` (u64), identity (u64), bytes of strings (u64), zeros;
//          48 bytes per picture, see `PackRecord`;
//          strings: each label as length (u32) and UTF-8, then the names' UTF-8;
//          CRC-32 of all that goes before (u32).
//
// The identity is a hash of the pictures' lengths and checksums: it ties the two files together and
// names the data set's content.

/// How a picture's bytes are stored in the pack.
public enum PictureStorage: UInt8, Sendable {
  /// `height · width · channels` bytes.
  case rgb = 0
  /// A JPEG, upright.
  case jpeg = 1
}

enum PackFormat {
  /// 1 wrote 0 for the channels, of which there were three.
  static let version = 2
  static let packMagic = Array("BYOLPACK".utf8)
  static let indexMagic = Array("BYOLINDX".utf8)
  static let packHeaderByteCount = 16
  static let indexHeaderByteCount = 64
  static let recordByteCount = 48
  static let alignment = 16
}

/// One picture's line in the index.
struct PackRecord: Hashable, Sendable {
  var offset: UInt64
  var byteCount: UInt32
  var checksum: UInt32
  var width: UInt32
  var height: UInt32
  /// The index in the table of labels, or −1.
  var label: Int32
  var storage: PictureStorage
  var split: Split
  /// 1 where the picture is gray.
  var gray: UInt8
  /// Bytes per pixel once decoded.
  var channels: UInt8
  var nameOffset: UInt64
  var nameByteCount: UInt32
}

/// Appends little-endian numbers to bytes.
struct ByteWriter {
  var bytes: [UInt8] = []

  mutating func append<Word: FixedWidthInteger>(_ word: Word) {
    for shift in stride(from: 0, to: Word.bitWidth, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: word >> Word(shift)))
    }
  }

  mutating func append(_ record: PackRecord) {
    append(record.offset)
    append(record.byteCount)
    append(record.checksum)
    append(record.width)
    append(record.height)
    append(record.label)
    bytes.append(contentsOf: [
      record.storage.rawValue, record.split.rawValue, record.gray, record.channels,
    ])
    append(record.nameOffset)
    append(record.nameByteCount)
    append(UInt32(0))
  }
}

/// Takes little-endian numbers from bytes; nil past the end.
struct ByteReader {
  let bytes: [UInt8]
  var offset = 0

  mutating func take<Word: FixedWidthInteger>(_: Word.Type) -> Word? {
    let count = Word.bitWidth / 8
    guard offset + count <= bytes.count else { return nil }
    var word: Word = 0
    for i in 0..<count { word |= Word(truncatingIfNeeded: bytes[offset + i]) << Word(8 * i) }
    offset += count
    return word
  }

  mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
    guard count >= 0, count <= bytes.count - offset else { return nil }
    defer { offset += count }
    return bytes[offset..<offset + count]
  }

  mutating func takeRecord() -> PackRecord? {
    guard let offset = take(UInt64.self), let byteCount = take(UInt32.self),
      let checksum = take(UInt32.self), let width = take(UInt32.self),
      let height = take(UInt32.self), let label = take(Int32.self), let kinds = take(4),
      let nameOffset = take(UInt64.self), let nameByteCount = take(UInt32.self),
      take(UInt32.self) != nil
    else { return nil }
    let first = kinds.startIndex
    guard let storage = PictureStorage(rawValue: kinds[first]),
      let split = Split(rawValue: kinds[first + 1])
    else { return nil }
    return PackRecord(
      offset: offset, byteCount: byteCount, checksum: checksum, width: width, height: height,
      label: label, storage: storage, split: split, gray: kinds[first + 2],
      channels: kinds[first + 3] == 0 ? 3 : kinds[first + 3], nameOffset: nameOffset,
      nameByteCount: nameByteCount)
  }
}
