public import Datasets
import Durability
import Images

/// What an index knows of a picture besides its vector.
public struct IndexItem: Hashable, Sendable {
  /// The path in the source, with `/`.
  public var name: String
  /// The label, where the source gives one.
  public var label: String?
  /// The part of the data set.
  public var split: Split
  /// The picture's number in the dataset, or its place among the pictures of a folder.
  public var picture: Int
}

// `items`, little-endian:
//          64 bytes: "BYOLITEM", version (u32), labels (u32), rows (u64), bytes of strings (u64), zeros;
//          48 bytes per row: offset of the name in the strings (u64), its bytes (u32), label or −1 (i32), picture (u32),
//          split (u8), zeros (7), hash of the picture's bytes (16);
//          strings: the names' UTF-8; then each label as length (u32) and UTF-8.

/// The table of an index's items, mapped into memory.
struct ItemTable: Sendable {
  static let (headerByteCount, recordByteCount) = (64, 48)
  static let magic = Array("BYOLITEM".utf8)

  let count: Int
  let labels: [String]
  private let file: MappedFile

  /// Maps and checks a table.
  ///
  /// - Throws: `IndexError.damaged` or `.files`.
  init(path: String) throws(IndexError) {
    let file: MappedFile
    do throws(FileSystemError) { file = try MappedFile(path: path) } catch { throw .files(error) }
    func damaged(_ what: String) -> IndexError { .damaged("\(IndexFile.items) \(what)") }
    guard file.byteCount >= Self.headerByteCount,
      file.bytes(at: 0, count: 8) == Self.magic
    else { throw damaged("is no table of items") }
    func number<Word: FixedWidthInteger>(_: Word.Type, _ offset: Int) -> Word {
      unsafe file.withBytes(at: offset, count: Word.bitWidth / 8) {
        unsafe Word(littleEndian: $0.loadUnaligned(as: Word.self))
      }
    }
    let (version, labelCount) = (number(UInt32.self, 8), Int(number(UInt32.self, 12)))
    guard version <= 1 else { throw .newerVersion(found: Int(version), supported: 1) }
    guard let rows = Int(exactly: number(UInt64.self, 16)), rows < 1 << 31,
      let strings = Int(exactly: number(UInt64.self, 24)), strings < 1 << 40,
      file.byteCount >= Self.headerByteCount + rows * Self.recordByteCount + strings
    else { throw damaged("is cut off") }
    var labels: [String] = []
    var offset = Self.headerByteCount + rows * Self.recordByteCount + strings
    for _ in 0..<labelCount {
      guard offset + 4 <= file.byteCount else { throw damaged("is cut off") }
      let length = Int(number(UInt32.self, offset))
      guard offset + 4 + length <= file.byteCount else { throw damaged("is cut off") }
      labels.append(
        String(decoding: file.bytes(at: offset + 4, count: length), as: UTF8.self))
      offset += 4 + length
    }
    (self.file, self.labels, count) = (file, labels, rows)
    for row in 0..<rows {
      let record = self.record(row)
      guard record.offset <= strings, record.byteCount <= strings - record.offset,
        (-1..<labelCount).contains(record.label), Split(rawValue: record.split) != nil
      else { throw damaged("is altered") }
    }
  }

  /// The item of a row.
  subscript(row: Int) -> IndexItem {
    let record = self.record(row)
    let name = file.bytes(
      at: Self.headerByteCount + count * Self.recordByteCount + record.offset,
      count: record.byteCount)
    return IndexItem(
      name: String(decoding: name, as: UTF8.self),
      label: record.label < 0 ? nil : labels[record.label],
      split: Split(rawValue: record.split) ?? .train, picture: record.picture)
  }

  /// The number of a row's label in `labels`; −1 for none.
  func label(_ row: Int) -> Int { record(row).label }

  /// The number of a row's picture in its source.
  func picture(_ row: Int) -> Int { record(row).picture }

  /// The part that a row's picture belongs to.
  func split(_ row: Int) -> Split { Split(rawValue: record(row).split) ?? .train }

  /// The hash of the bytes of a row's picture.
  func content(_ row: Int) -> ContentHash {
    unsafe file.withBytes(at: Self.headerByteCount + row * Self.recordByteCount + 32, count: 16) {
      unsafe ContentHash(words: [
        UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)),
        UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
      ])
    }
  }

  private func record(
    _ row: Int
  ) -> (offset: Int, byteCount: Int, label: Int, picture: Int, split: UInt8) {
    precondition((0..<count).contains(row), "Row \(row) of \(count).")
    return unsafe file.withBytes(
      at: Self.headerByteCount + row * Self.recordByteCount, count: Self.recordByteCount
    ) { bytes in
      unsafe (
        offset: Int(clamping: UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))),
        byteCount: Int(
          UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))),
        label: Int(Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: 12, as: Int32.self))),
        picture: Int(
          UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self))),
        split: bytes[20]
      )
    }
  }
}

extension ItemTable {
  /// The bytes of a table.
  static func bytes(_ items: [IndexItem], contents: [ContentHash]) -> [[UInt8]] {
    let labels = Set(items.compactMap(\.label)).sorted {
      $0.utf8.lexicographicallyPrecedes($1.utf8)
    }
    var numbers: [String: Int] = [:]
    for (number, label) in labels.enumerated() { numbers[label] = number }
    var (records, strings): ([UInt8], [UInt8]) = ([], [])
    records.reserveCapacity(items.count * recordByteCount)
    for (item, content) in zip(items, contents) {
      append(UInt64(strings.count), to: &records)
      append(UInt32(item.name.utf8.count), to: &records)
      append(Int32(item.label.flatMap { numbers[$0] } ?? -1), to: &records)
      append(UInt32(item.picture), to: &records)
      records += [item.split.rawValue] + [UInt8](repeating: 0, count: 11)
      for word in content.words { append(word, to: &records) }
      strings += item.name.utf8
    }
    var header = magic
    append(UInt32(1), to: &header)
    append(UInt32(labels.count), to: &header)
    append(UInt64(items.count), to: &header)
    append(UInt64(strings.count), to: &header)
    header += [UInt8](repeating: 0, count: headerByteCount - header.count)
    var names: [UInt8] = []
    for label in labels {
      append(UInt32(label.utf8.count), to: &names)
      names += label.utf8
    }
    return [header, records, strings, names]
  }

  private static func append<Word: FixedWidthInteger>(_ word: Word, to bytes: inout [UInt8]) {
    for shift in stride(from: 0, to: Word.bitWidth, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: word >> Word(shift)))
    }
  }
}
