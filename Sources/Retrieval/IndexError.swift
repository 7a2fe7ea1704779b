public import Durability

/// Why an index cannot be made, opened or asked.
public enum IndexError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The folder holds no index, or one of which a file is missing, cut off or altered.
  case damaged(String)
  /// The index was written by a newer version.
  case newerVersion(found: Int, supported: Int)
  /// A vector has another number of components than those of the index.
  case otherDimension(given: Int, expected: Int)
  /// A vector has no direction: it is 0, or a component is infinite or no number.
  case noDirection
  /// There was no picture that could be embedded.
  case nothingToIndex(rejected: Int)
  /// The folder that would be replaced has a file of somebody else's.
  case occupied(directory: String, by: String)
  /// More pictures than an index can hold.
  case tooManyItems(limit: Int)
  /// The source of the pictures cannot be read.
  case source(String)
  /// The model cannot be used.
  case model(String)
  /// The files cannot be written or read.
  case files(FileSystemError)
  /// It was asked to end before it was done; asked again it goes on from there.
  case interrupted

  /// A sentence for people.
  public var description: String {
    switch self {
    case .damaged(let what): "The index cannot be used: \(what)."
    case .newerVersion(let found, let supported):
      "The index has format \(found); this program reads up to \(supported)."
    case .otherDimension(let given, let expected):
      "The vector has \(given) components; those of the index have \(expected)."
    case .noDirection: "The vector has no direction: it is 0, or not all of it are finite numbers."
    case .occupied(let directory, let name):
      "\(directory) would be replaced, and has \(name), which is no part of an index. Give the name of a folder that does not exist, or move that file away."
    case .nothingToIndex(let rejected):
      "No picture could be embedded; \(rejected) were rejected."
    case .tooManyItems(let limit): "An index holds at most \(limit) pictures."
    case .source(let what): "The pictures cannot be read: \(what)"
    case .model(let what): "The model cannot be used: \(what)"
    case .files(let error): "\(error.operation) failed: \(error.reason)."
    case .interrupted: "It was interrupted; asked for again, it goes on from there."
    }
  }
}
