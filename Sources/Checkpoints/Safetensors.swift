public import Durability
import JSONTree
public import Tensors

/// A file of named arrays in the safetensors format, with a map of strings beside them.
///
/// The layout: eight bytes of header length (little-endian), the header as JSON padded with spaces to
/// a multiple of 8, then the arrays back to back, those of larger elements first. Files written here
/// carry under `byol.sha256` the SHA-256 of the whole file, computed with 64 zeros in its own place,
/// so a changed bit anywhere is found; other readers see one more string.
public struct Safetensors: Sendable, Hashable {
  /// The metadata key of the digest.
  public static let digestKey = "byol.sha256"
  /// The longest header that is read, in bytes.
  public static let maximumHeaderByteCount = 16 << 20

  /// The arrays in the order of the file.
  public var arrays: [CheckpointArray]
  /// The map of strings, without the digest.
  public var metadata: [String: String]

  /// A file's contents.
  public init(arrays: [CheckpointArray], metadata: [String: String] = [:]) {
    self.arrays = arrays
    self.metadata = metadata
  }

  /// The array of a name, or nil.
  public subscript(name: String) -> CheckpointArray? { arrays.first { $0.name == name } }

  /// The float32 arrays as tensors, in the order of the file.
  public var tensors: [NamedTensor] { arrays.compactMap(\.tensor) }
}

// MARK: - Writing

extension Safetensors {
  private static let placeholder = String(repeating: "0", count: 64)

  /// Writes and flushes the file; not atomic by itself: see `CheckpointFolder.publish`.
  ///
  /// - Throws: `CheckpointError.fileSystem`; a part of the file may be there then.
  /// - Returns: the digest that the file carries.
  @discardableResult
  public func write(to path: String, fileSystem: any FileSystem = DiskFileSystem())
    throws(CheckpointError) -> String
  {
    let ordered = arrays.sorted { left, right in
      (right.values.elementType.byteCount, left.name)
        < (left.values.elementType.byteCount, right.name)
    }
    let digest = Safetensors.digest(
      header: header(ordered, digest: Safetensors.placeholder), arrays: ordered)
    do throws(FileSystemError) {
      let file = try fileSystem.createFile(path)
      try file.append(header(ordered, digest: digest))
      for array in ordered { try array.values.append(to: file) }
      try file.synchronize()
      try file.close()
    } catch {
      throw .fileSystem(error)
    }
    return digest
  }

  private func header(_ ordered: [CheckpointArray], digest: String) -> [UInt8] {
    var entries = JSONObject()
    var strings = JSONObject()
    for key in metadata.keys.sorted() { strings[key] = metadata[key].map(JSONValue.string) }
    strings[Safetensors.digestKey] = .string(digest)
    entries["__metadata__"] = .object(strings)
    var offset: Int64 = 0
    for array in ordered {
      let end = offset + Int64(array.byteCount)
      entries[array.name] = [
        "dtype": .string(array.values.elementType.rawValue),
        "shape": .array(array.shape.dimensions.map { .integer(Int64($0)) }),
        "data_offsets": [.integer(offset), .integer(end)],
      ]
      offset = end
    }
    var text = JSONValue.object(entries).encoded
    text += [UInt8](repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
    let length = UInt64(text.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * UInt64($0))) } + text
  }

  private static func digest(header: [UInt8], arrays: [CheckpointArray]) -> String {
    var digest = SHA256()
    digest.update(header)
    for array in arrays { array.values.update(&digest) }
    return digest.hexDigest()
  }
}

extension CheckpointArray {
  var byteCount: Int { shape.elementCount * values.elementType.byteCount }
}

extension CheckpointArray.Values {
  fileprivate func append(to file: any WritableFile) throws(FileSystemError) {
    switch self {
    case .float32(let values): try file.append(elements: values)
    case .int64(let values): try file.append(elements: values)
    case .uint8(let values): try file.append(elements: values)
    }
  }

  fileprivate func update(_ digest: inout SHA256) {
    switch self {
    case .float32(let values): unsafe values.withUnsafeBytes { unsafe digest.update($0) }
    case .int64(let values): unsafe values.withUnsafeBytes { unsafe digest.update($0) }
    case .uint8(let values): digest.update(values)
    }
  }
}

// MARK: - Reading

extension Safetensors {
  /// Reads a file and checks its header, its size and its digest.
  ///
  /// Files that others wrote have no digest: where `requiresDigest` is false, one that is there is checked all the same.
  ///
  /// - Throws: `CheckpointError`: unreadable, not of this format, of another size than announced,
  ///   damaged, or without a digest.
  public init(
    reading path: String, requiresDigest: Bool = true,
    fileSystem: any FileSystem = DiskFileSystem()
  ) throws(CheckpointError) {
    let bytes: [UInt8]
    do throws(FileSystemError) {
      bytes = try fileSystem.read(path)
    } catch {
      throw .fileSystem(error)
    }
    let header = try SafetensorsHeader(parsing: bytes, path: path)
    if requiresDigest || header.metadata[Safetensors.digestKey] != nil {
      try Safetensors.verify(bytes, header: header, path: path)
    }
    arrays = header.entries.map { $0.array(in: bytes, dataStart: header.dataStart) }
    metadata = header.metadata
    metadata[Safetensors.digestKey] = nil
  }

  private static func verify(
    _ bytes: [UInt8], header: SafetensorsHeader, path: String
  ) throws(CheckpointError) {
    guard let expected = header.metadata[digestKey] else { throw .digestMissing(path: path) }
    guard expected.utf8.count == 64, let place = position(of: expected, in: bytes, header: header)
    else { throw .digestMismatch(path: path) }
    // The digest was computed with zeros in its own place: the file is hashed as if they still stood there.
    var digest = SHA256()
    unsafe bytes.withUnsafeBytes { all in
      unsafe digest.update(UnsafeRawBufferPointer(rebasing: all[..<place]))
      digest.update([UInt8](placeholder.utf8))
      unsafe digest.update(UnsafeRawBufferPointer(rebasing: all[(place + 64)...]))
    }
    guard digest.hexDigest() == expected else { throw .digestMismatch(path: path) }
  }

  /// Where the digest's 64 digits lie in the header.
  private static func position(of digest: String, in bytes: [UInt8], header: SafetensorsHeader)
    -> Int?
  {
    // The header's text is searched, not only parsed: the place counts, and a header that is spelled otherwise was not
    // written here.
    let pattern = [UInt8]("\"\(digestKey)\":\"\(digest)\"".utf8)
    let last = header.dataStart - pattern.count
    guard last >= 8 else { return nil }
    return (8...last).first { bytes[$0] == pattern[0] && bytes[$0...].starts(with: pattern) }
      .map { $0 + pattern.count - 65 }
  }
}
