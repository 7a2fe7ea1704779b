import Glibc
import Images

/// A picture as it goes into a pack.
struct PackedPicture: Sendable {
  var name: String
  var label: Int?
  var split: Split
  var width: Int
  var height: Int
  var isGray: Bool
  var storage: PictureStorage
  var bytes: [UInt8]
}

/// Writes the files of a pack into a directory that no one else looks at yet.
///
/// Labels and splits may be known only when every name is: they are given at the end.
struct PackWriter: ~Copyable {
  private let directory: String
  private var file: OutputFile
  private(set) var records: [PackRecord] = []
  private var names: [UInt8] = []
  private var identity: UInt64 = 0xCBF2_9CE4_8422_2325

  /// Begins the pack in `directory`, which must exist.
  init(directory: String) throws(PackError) {
    self.directory = directory
    var file = try OutputFile(path: directory + "/pack", name: "pack")
    try file.write([UInt8](repeating: 0, count: PackFormat.packHeaderByteCount))
    self.file = file
  }

  /// The bytes written to the pack so far.
  var byteCount: Int { file.byteCount }

  /// The identity so far, in hexadecimal.
  var identityText: String {
    let digits = String(identity, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// Appends a picture; the order of the calls is the pack's order.
  mutating func append(_ picture: PackedPicture) throws(PackError) {
    let gap = (PackFormat.alignment - file.byteCount % PackFormat.alignment) % PackFormat.alignment
    try file.write([UInt8](repeating: 0, count: gap))
    let name = Array(picture.name.utf8)
    let record = PackRecord(
      offset: UInt64(file.byteCount), byteCount: UInt32(picture.bytes.count),
      checksum: crc32(picture.bytes), width: UInt32(picture.width), height: UInt32(picture.height),
      label: Int32(picture.label ?? -1), storage: picture.storage, split: picture.split,
      gray: picture.isGray ? 1 : 0, nameOffset: UInt64(names.count),
      nameByteCount: UInt32(name.count))
    try file.write(picture.bytes)
    names += name
    records.append(record)
    for word in [UInt64(record.byteCount), UInt64(record.checksum)] {
      identity = (identity ^ word) &* 0x0000_0100_0000_01B3
    }
  }

  /// Sets what only all names together tell.
  mutating func assign(label: Int?, split: Split, to index: Int) {
    records[index].label = Int32(label ?? -1)
    records[index].split = split
  }

  /// Writes the rest and flushes both files to the disk.
  consuming func finish(labels: [String]) throws(PackError) {
    var header = ByteWriter(bytes: PackFormat.packMagic)
    header.append(identity)
    try file.overwriteStart(with: header.bytes)
    try file.finish()
    var index = try OutputFile(path: directory + "/index", name: "index")
    try index.write(indexBytes(labels: labels))
    try index.finish()
  }

  private func indexBytes(labels: [String]) -> [UInt8] {
    var strings = ByteWriter()
    for label in labels {
      strings.append(UInt32(label.utf8.count))
      strings.bytes += Array(label.utf8)
    }
    strings.bytes += names
    var index = ByteWriter(bytes: PackFormat.indexMagic)
    index.append(UInt32(PackFormat.version))
    index.append(UInt32(records.count))
    index.append(UInt32(labels.count))
    index.append(UInt32(0))
    index.append(UInt64(file.byteCount))
    index.append(identity)
    index.append(UInt64(strings.bytes.count))
    let rest = PackFormat.indexHeaderByteCount - index.bytes.count
    index.bytes += [UInt8](repeating: 0, count: rest)
    for record in records { index.append(record) }
    index.bytes += strings.bytes
    index.append(crc32(index.bytes))
    return index.bytes
  }
}
