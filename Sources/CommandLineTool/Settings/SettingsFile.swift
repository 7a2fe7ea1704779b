import Durability
import JSONTree
import Yams

/// What a file of settings is held to.
public enum SettingsLimits {
  /// The longest file in bytes.
  public static let fileByteCount = 1 << 20
  /// The most values of one setting.
  public static let values = 1000
}

/// The settings of a file: a mapping of names to a value each, or to a list of values.
struct SettingsFile: Equatable {
  /// A name with its values in the order of the file.
  struct Entry: Equatable {
    var name: String
    var values: [String]
    /// Whether they were written as a list.
    var isList: Bool
  }

  var path: String
  var entries: [Entry]

  /// Reads a file: JSON where its name ends so, else YAML.
  ///
  /// - Throws: `SettingsError`.
  init(reading path: String) throws(SettingsError) {
    let bytes: [UInt8]
    do throws(FileSystemError) {
      bytes = try DiskFileSystem().read(path)
    } catch { throw .unreadable(path: path, reason: error.reason) }
    guard bytes.count <= SettingsLimits.fileByteCount else {
      throw .malformed(
        path: path,
        detail: "it has \(bytes.count) bytes; allowed: \(SettingsLimits.fileByteCount)")
    }
    try self.init(bytes, path: path)
  }

  /// The settings in the bytes of a file.
  ///
  /// - Throws: `SettingsError.malformed`.
  init(_ bytes: [UInt8], path: String) throws(SettingsError) {
    self.path = path
    do {
      entries =
        path.hasSuffix(".json") ? try Self.json(bytes, path) : try Self.yaml(bytes, path)
    } catch let error as SettingsError {
      throw error
    } catch {
      throw .malformed(path: path, detail: "\(error)".replacing("\n", with: " "))
    }
    for entry in entries where entry.values.count > SettingsLimits.values {
      throw .malformed(
        path: path,
        detail: "\(entry.name) has \(entry.values.count) values; allowed: \(SettingsLimits.values)")
    }
  }

  private static func json(_ bytes: [UInt8], _ path: String) throws -> [Entry] {
    guard let object = try JSONValue(parsing: bytes).objectValue else {
      throw SettingsError.malformed(path: path, detail: "it is no object of names and values")
    }
    return try object.members.map { member in
      let list = member.value.arrayValue
      let values = try (list ?? [member.value]).map { value in
        guard value.objectValue == nil, value.arrayValue == nil, value != .null else {
          throw SettingsError.malformed(
            path: path, detail: "\(member.name) must be a value or a list of values")
        }
        return value.stringValue ?? value.description
      }
      return Entry(name: member.name, values: values, isList: list != nil)
    }
  }

  /// The tree is not walked deeper than a setting needs, so that aliases of aliases cost nothing.
  private static func yaml(_ bytes: [UInt8], _ path: String) throws -> [Entry] {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw SettingsError.malformed(path: path, detail: "it is no text in UTF-8")
    }
    guard let root = try Yams.compose(yaml: text) else { return [] }
    // A file of comments alone is an empty scalar.
    if let scalar = root.scalar, scalar.string.isEmpty { return [] }
    guard let mapping = root.mapping else {
      throw SettingsError.malformed(path: path, detail: "it is no mapping of names to values")
    }
    return try mapping.map { key, value in
      let name = key.scalar?.string ?? ""
      let list = value.sequence
      let values = try (list.map(Array.init) ?? [value]).map { node in
        guard let scalar = node.scalar, node.null == nil else {
          throw SettingsError.malformed(
            path: path, detail: "\(name) must be a value or a list of values")
        }
        return scalar.string
      }
      return Entry(name: name, values: values, isList: list != nil)
    }
  }
}

/// Why settings cannot be used, in words.
enum SettingsError: Error, Equatable, CustomStringConvertible {
  case unreadable(path: String, reason: String)
  case malformed(path: String, detail: String)
  case unknown(key: String, path: String, nearest: String?)
  case notTrueOrFalse(name: String, given: String, origin: String)
  case severalValues(name: String, origin: String)

  var description: String {
    switch self {
    case .unreadable(let path, let reason): "The settings \(path) cannot be read: \(reason)."
    case .malformed(let path, let detail): "The settings \(path) cannot be used: \(detail)."
    case .unknown(let key, let path, let nearest):
      "\(path): \(key) is no setting"
        + (nearest.map { "; did you mean \($0)?" } ?? "; `byol config` prints them all.")
    case .notTrueOrFalse(let name, let given, let origin):
      "\(origin): \(name): \(given) was given; allowed: true, false."
    case .severalValues(let name, let origin):
      "\(origin): \(name) takes one value, not several."
    }
  }
}
