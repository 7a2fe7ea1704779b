import Durability
import Images

/// A picture as it goes into a pack.
struct PackedPicture: Sendable {
  var name: String
  var width: Int
  var height: Int
  var channels: Int
  var isGray: Bool
  var storage: PictureStorage
  /// Empty for a picture that is in the pack already.
  var bytes: [UInt8]
  var byteCount: Int
  var checksum: UInt32
}

extension PackedPicture {
  /// The picture stored as `bytes`.
  init(
    name: String, width: Int, height: Int, channels: Int = 3, isGray: Bool,
    storage: PictureStorage, bytes: [UInt8]
  ) {
    self.init(
      name: name, width: width, height: height, channels: channels, isGray: isGray,
      storage: storage, bytes: bytes, byteCount: bytes.count, checksum: crc32(bytes))
  }
}

/// Writes the files of a pack into a directory that no one else looks at yet.
///
/// Labels and splits may be known only when every name is: they are given at the end.
struct PackWriter: ~Copyable {
  private let directory: String
  private let fileSystem: any FileSystem
  private var file: OutputFile
  private(set) var records: [PackRecord] = []
  private var names: [UInt8] = []
  private var identity: UInt64 = 0xCBF2_9CE4_8422_2325

  /// Begins the pack in `directory`, which must exist.
  init(directory: String, _ fileSystem: any FileSystem) throws(PackError) {
    self.directory = directory
    self.fileSystem = fileSystem
    var file = try OutputFile("pack", in: directory, fileSystem)
    try file.write([UInt8](repeating: 0, count: PackFormat.packHeaderByteCount))
    self.file = file
  }

  private init(directory: String, file: consuming OutputFile, _ fileSystem: any FileSystem) {
    self.directory = directory
    self.fileSystem = fileSystem
    self.file = file
  }

  /// Goes on with the pack in `directory`, of whose file the first `byteCount` bytes are kept: they hold `pictures`.
  ///
  /// - Throws: `PackError`, when the file does not hold them whole.
  static func continuing(
    _ directory: String, pictures: [PackedPicture], byteCount: Int, _ fileSystem: any FileSystem
  ) throws(PackError) -> PackWriter {
    let mapped = try mapped(directory + "/pack", name: "pack")
    guard mapped.byteCount >= byteCount else {
      throw .wrongSize(file: "pack", expected: byteCount, found: mapped.byteCount)
    }
    var writer = PackWriter(
      directory: directory,
      file: try OutputFile(continuing: "pack", in: directory, at: byteCount, fileSystem), fileSystem
    )
    var end = PackFormat.packHeaderByteCount
    for (index, picture) in pictures.enumerated() {
      let start = end + writer.gap(after: end)
      end = start + picture.byteCount
      guard end <= byteCount,
        unsafe mapped.withBytes(at: start, count: picture.byteCount, { unsafe crc32($0) })
          == picture.checksum
      else { throw .alteredPicture(index: index) }
      writer.note(picture, at: start)
    }
    guard end == byteCount else { throw .altered(file: "pack") }
    return writer
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
    try file.write([UInt8](repeating: 0, count: gap(after: file.byteCount)))
    let start = file.byteCount
    try file.write(picture.bytes)
    note(picture, at: start)
  }

  /// Hands everything appended to the system, where it survives this process.
  mutating func flush() throws(PackError) { try file.flush() }

  private func gap(after end: Int) -> Int {
    (PackFormat.alignment - end % PackFormat.alignment) % PackFormat.alignment
  }

  private mutating func note(_ picture: PackedPicture, at start: Int) {
    let name = Array(picture.name.utf8)
    let record = PackRecord(
      offset: UInt64(start), byteCount: UInt32(picture.byteCount), checksum: picture.checksum,
      width: UInt32(picture.width), height: UInt32(picture.height), label: -1,
      storage: picture.storage, split: .train, gray: picture.isGray ? 1 : 0,
      channels: UInt8(picture.channels),
      nameOffset: UInt64(names.count), nameByteCount: UInt32(name.count))
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
    var index = try OutputFile("index", in: directory, fileSystem)
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
