import Durability
public import Images
import Synchronization

/// What the index says of one picture.
public struct PackEntry: Hashable, Sendable {
  /// The path in the source, with `/`; unique in the pack.
  public let name: String
  /// The index in `Pack.labels`; nil where the source gave none.
  public let label: Int?
  /// The part of the data set.
  public let split: Split
  /// Pixels per row as stored in the pack.
  public let width: Int
  /// Rows as stored in the pack.
  public let height: Int
  /// Channels; the same for all pictures of a pack.
  public let channels: Int
  /// True where every pixel is gray.
  public let isGray: Bool
  /// How the bytes are stored.
  public let storage: PictureStorage
}

/// An admitted data set, mapped into memory: an index and the pictures' bytes.
///
/// The index is checked whole when the pack is opened, each picture's checksum the first time it is
/// read. Safe to use from any number of threads.
public final class Pack: Sendable {
  /// The names of the labels, in the order of their numbers.
  public let labels: [String]
  /// A hash of all pictures' bytes and their order.
  public let identity: UInt64
  private let records: [PackRecord]
  private let strings: [UInt8]
  private let file: MappedFile
  private let verified: Mutex<Set<Int>>

  /// Opens the pack in `directory` (files `pack` and `index`).
  ///
  /// - Throws: `PackError`, whatever is wrong with the index or the size of the pack.
  public init(directory: String) throws(PackError) {
    let index = try PackIndex(path: directory + "/index")
    file = try mapped(directory + "/pack", name: "pack")
    guard file.byteCount == index.packByteCount else {
      throw .wrongSize(file: "pack", expected: index.packByteCount, found: file.byteCount)
    }
    var header = ByteReader(bytes: file.bytes(at: 0, count: PackFormat.packHeaderByteCount))
    guard header.take(8).map(Array.init) == PackFormat.packMagic else {
      throw .notAPack(file: "pack")
    }
    guard header.take(UInt64.self) == index.identity else { throw .mismatched }
    labels = index.labels
    identity = index.identity
    records = index.records
    strings = index.names
    verified = Mutex([])
  }

  /// The number of pictures.
  public var count: Int { records.count }

  /// What the index says of the picture at `index`, which counts from 0.
  public subscript(index: Int) -> PackEntry {
    let record = records[index]
    let first = Int(record.nameOffset)
    return PackEntry(
      name: String(decoding: strings[first..<first + Int(record.nameByteCount)], as: UTF8.self),
      label: record.label < 0 ? nil : Int(record.label), split: record.split,
      width: Int(record.width), height: Int(record.height), channels: Int(record.channels),
      isGray: record.gray != 0,
      storage: record.storage)
  }

  /// The pictures of one part of the data set, in the pack's order.
  public func pictures(in split: Split) -> [Int] {
    records.indices.filter { records[$0].split == split }
  }

  /// At most `limit` pictures from `first` on, in the pack's order: those that `isWanted` says of their label and part.
  public func pictures(
    from first: Int, limit: Int, where isWanted: (_ label: Int?, _ split: Split) -> Bool
  ) -> [Int] {
    var found: [Int] = []
    var index = first
    while index < records.count, found.count < limit {
      let record = records[index]
      if isWanted(record.label < 0 ? nil : Int(record.label), record.split) { found.append(index) }
      index += 1
    }
    return found
  }

  /// The parts that have pictures, in the order of `Split.allCases`.
  public var splits: [Split] {
    Split.allCases.filter { split in records.contains { $0.split == split } }
  }

  /// Channels of every picture.
  public var channels: Int { records.first.map { Int($0.channels) } ?? 3 }

  /// True where every picture is gray, so that changes of colour do nothing.
  public var isGray: Bool { records.allSatisfy { $0.gray != 0 } }

  /// The picture at `index`, decoded.
  ///
  /// - Throws: `alteredPicture`, when its bytes are not those that were written.
  public func image(at index: Int) throws(PackError) -> Raster {
    try unsafe withPixels(at: index) { view in
      let count = unsafe view.width * view.height * view.channels
      return unsafe Raster(
        width: view.width, height: view.height, channels: view.channels,
        pixels: Array(UnsafeBufferPointer(start: view.pixels, count: count)))
    }
  }

  /// Calls `body` with the pixels of the picture at `index`: in place where they are stored decoded.
  ///
  /// - Throws: `alteredPicture`, when its bytes are not those that were written.
  public func withPixels<Result>(
    at index: Int, _ body: (PixelView) -> Result
  ) throws(PackError) -> Result {
    let record = records[index]
    return try unsafe file.withBytes(at: Int(record.offset), count: Int(record.byteCount)) {
      (bytes) throws(PackError) in
      try unsafe verify(bytes, index)
      guard let first = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
        throw .alteredPicture(index: index)
      }
      switch record.storage {
      case .rgb:
        return unsafe body(
          PixelView(
            pixels: first, width: Int(record.width), height: Int(record.height),
            channels: Int(record.channels), isGray: record.gray != 0))
      case .jpeg:
        let encoded = unsafe UnsafeBufferPointer(start: first, count: bytes.count)
        guard let image = try? unsafe decodeJPEG(encoded) else {
          throw .alteredPicture(index: index)
        }
        return unsafe image.withPixels(isGray: record.gray != 0, body)
      }
    }
  }

  /// Reads every picture's bytes and compares their checksums.
  ///
  /// - Throws: `alteredPicture` of the first that differs.
  public func verify() throws(PackError) {
    for index in records.indices {
      try unsafe file.withBytes(
        at: Int(records[index].offset), count: Int(records[index].byteCount)
      ) { (bytes) throws(PackError) in try unsafe verify(bytes, index) }
    }
  }

  private func verify(_ bytes: UnsafeRawBufferPointer, _ index: Int) throws(PackError) {
    guard !verified.withLock({ $0.contains(index) }) else { return }
    guard unsafe crc32(bytes) == records[index].checksum else {
      throw .alteredPicture(index: index)
    }
    _ = verified.withLock { $0.insert(index) }
  }
}
