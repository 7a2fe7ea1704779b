import Durability
import Images

/// The parsed and checked index of a pack.
struct PackIndex {
  let labels: [String]
  let records: [PackRecord]
  /// The UTF-8 of all names.
  let names: [UInt8]
  let packByteCount: Int
  let identity: UInt64

  init(path: String) throws(PackError) {
    let file = try mapped(path, name: "index")
    try self.init(bytes: file.bytes(at: 0, count: file.byteCount))
  }

  /// - Throws: `notAPack`, `newerVersion`, `wrongSize` or `altered`.
  init(bytes: [UInt8]) throws(PackError) {
    var reader = ByteReader(bytes: bytes)
    guard reader.take(8).map(Array.init) == PackFormat.indexMagic else {
      throw .notAPack(file: "index")
    }
    guard let version = reader.take(UInt32.self), let count = reader.take(UInt32.self),
      let labelCount = reader.take(UInt32.self), reader.take(UInt32.self) != nil,
      let packByteCount = reader.take(UInt64.self), let identity = reader.take(UInt64.self),
      let stringByteCount = reader.take(UInt64.self),
      reader.take(PackFormat.indexHeaderByteCount - reader.offset) != nil
    else { throw .altered(file: "index") }
    guard version <= PackFormat.version else {
      throw .newerVersion(found: Int(version), supported: PackFormat.version)
    }
    guard let strings = Int(exactly: stringByteCount), let pack = Int(exactly: packByteCount),
      strings < 1 << 40, pack >= PackFormat.packHeaderByteCount
    else { throw .altered(file: "index") }
    let fixed = PackFormat.indexHeaderByteCount + 4
    let expected = fixed + Int(count) * PackFormat.recordByteCount + strings
    guard bytes.count == expected else {
      throw .wrongSize(file: "index", expected: expected, found: bytes.count)
    }
    try PackIndex.checkSum(of: bytes)
    let parsed = PackIndex.parse(
      &reader, count: Int(count), labelCount: Int(labelCount), packByteCount: pack)
    guard let parsed else { throw .altered(file: "index") }
    self.packByteCount = pack
    self.identity = identity
    (records, labels, names) = parsed
  }

  private static func checkSum(of bytes: [UInt8]) throws(PackError) {
    var tail = ByteReader(bytes: Array(bytes.suffix(4)))
    let sum = unsafe bytes.span.withUnsafeBufferPointer { buffer in
      unsafe crc32(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer).dropLast(4)))
    }
    guard tail.take(UInt32.self) == sum else { throw .altered(file: "index") }
  }

  /// Records, labels and names; nil where one of them points outside.
  private static func parse(
    _ reader: inout ByteReader, count: Int, labelCount: Int, packByteCount: Int
  ) -> ([PackRecord], [String], [UInt8])? {
    var records: [PackRecord] = []
    records.reserveCapacity(count)
    for _ in 0..<count {
      guard let record = reader.takeRecord(),
        record.isInside(packByteCount: packByteCount, labelCount: labelCount)
      else { return nil }
      records.append(record)
    }
    var labels: [String] = []
    for _ in 0..<labelCount {
      guard let length = reader.take(UInt32.self), let label = reader.take(Int(length)) else {
        return nil
      }
      labels.append(String(decoding: label, as: UTF8.self))
    }
    guard let names = reader.take(reader.bytes.count - 4 - reader.offset) else { return nil }
    let inside = records.allSatisfy {
      $0.nameOffset <= names.count && Int($0.nameByteCount) <= names.count - Int($0.nameOffset)
    }
    return inside ? (records, labels, Array(names)) : nil
  }
}

extension PackRecord {
  fileprivate func isInside(packByteCount: Int, labelCount: Int) -> Bool {
    guard offset <= packByteCount, Int(byteCount) <= packByteCount - Int(offset),
      width > 0, height > 0, width <= 1 << 15, height <= 1 << 15,
      label >= -1, Int(label) < labelCount
    else { return false }
    guard Raster.channelCounts.contains(Int(channels)) else { return false }
    return storage == .rgb
      ? Int(byteCount) == Int(width) * Int(height) * Int(channels) : channels == 3
  }
}
