public import Durability
public import Identifiers
import JSONTree

/// The file of keys in a data folder.
///
/// `byol keys` writes it, whole and beside its name first; the service only reads it. The service notes when keys were
/// used in another file, so that the two never write the same.
public struct KeyFile: Sendable {
  /// The file of keys.
  public let path: String
  /// The file that says when each key was last used.
  public let usePath: String
  private let lockPath: String
  let fileSystem: any FileSystem

  /// The files of a data folder, which need not exist.
  public init(dataFolder: String, fileSystem: any FileSystem = DiskFileSystem()) {
    path = dataFolder + "/keys.json"
    usePath = dataFolder + "/keys-used.json"
    lockPath = dataFolder + "/keys.lock"
    self.fileSystem = fileSystem
  }

  /// The keys; nil where there is no file.
  ///
  /// - Throws: `DamagedKeys` where the file cannot be read, is not one of keys, or may be written by others than its
  ///   owner.
  public func read() throws(DamagedKeys) -> KeyRing? {
    let stamp: FileStamp?
    do throws(FileSystemError) { stamp = try fileSystem.stamp(of: path) } catch {
      throw DamagedKeys("it cannot be examined: \(error.reason)")
    }
    return try stamp.map { stamp throws(DamagedKeys) in try read(stamp) }
  }

  /// The keys of the file, which had this stamp a moment ago.
  func read(_ stamp: FileStamp) throws(DamagedKeys) -> KeyRing {
    guard stamp.byteCount <= AccessLimits.fileByteCount else {
      throw DamagedKeys("it is longer than \(AccessLimits.fileByteCount) bytes")
    }
    guard stamp.permissions & 0o022 == 0 else {
      throw DamagedKeys("others than its owner may write it; `chmod 600` it")
    }
    let bytes: [UInt8]
    do throws(FileSystemError) { bytes = try fileSystem.read(path) } catch {
      throw DamagedKeys("it cannot be read: \(error.reason)")
    }
    return try KeyRing(decoding: bytes)
  }

  /// Changes the keys; the file is the old one or the new one at every moment.
  ///
  /// - Throws: `KeyFileError`, with the file as it was, unless only the last flush failed.
  public func change(
    _ change: (inout KeyRing) throws(KeyRingError) -> Void
  ) throws(KeyFileError) {
    let lock: FileLock?
    do throws(FileSystemError) { lock = try FileLock(path: lockPath) } catch { throw .files(error) }
    guard let lock else { throw .busy }
    defer { lock.release() }
    var ring: KeyRing
    do throws(DamagedKeys) { ring = try read() ?? KeyRing() } catch { throw .damaged(path, error) }
    do throws(KeyRingError) { try change(&ring) } catch { throw .ring(error) }
    do throws(FileSystemError) {
      try fileSystem.replacePrivateFile(path, with: ring.encoded)
    } catch {
      throw .files(error)
    }
  }
}

// MARK: - When keys were used

extension KeyFile {
  /// When keys were last used, by name; empty where that was never noted, or cannot be read.
  public func lastUses() -> [String: Timestamp] {
    guard let bytes = try? fileSystem.read(usePath),
      let object = try? JSONValue(parsing: bytes).objectValue
    else { return [:] }
    var uses: [String: Timestamp] = [:]
    for member in object.members {
      uses[member.name] = member.value.stringValue.flatMap { Timestamp($0) }
    }
    return uses
  }

  /// Notes when keys were last used.
  ///
  /// - Throws: `FileSystemError`.
  func write(uses: [String: Timestamp]) throws(FileSystemError) {
    var object = JSONObject()
    for (name, time) in uses.sorted(by: { $0.key < $1.key }) {
      object[name] = .string(time.description)
    }
    try fileSystem.replacePrivateFile(usePath, with: JSONValue.object(object).encoded)
  }
}

/// Why the keys of a folder are not changed.
public enum KeyFileError: Error, Sendable, CustomStringConvertible {
  /// Somebody else is changing them.
  case busy
  /// The file that is there is not one of keys.
  case damaged(String, DamagedKeys)
  /// The change itself cannot be.
  case ring(KeyRingError)
  /// The disk does not take it.
  case files(FileSystemError)

  /// What is wrong and what to do.
  public var description: String {
    switch self {
    case .busy: "Another command is changing the keys; try again."
    case .damaged(let path, let damage):
      "\(path) is no file of keys: \(damage). Nobody is let in before it is mended, or removed and made anew."
    case .ring(let error): "\(error)"
    case .files(let error): "The keys cannot be written: \(error)."
    }
  }
}
