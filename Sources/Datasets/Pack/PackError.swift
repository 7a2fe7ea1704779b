/// Why a pack cannot be read or written.
public enum PackError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A call of the system failed.
  case system(call: String, file: String, errno: Int32)
  /// The file does not begin as a pack or an index does.
  case notAPack(file: String)
  /// The format's version is newer than this program's.
  case newerVersion(found: Int, supported: Int)
  /// A file is shorter or longer than its index says.
  case wrongSize(file: String, expected: Int, found: Int)
  /// The bytes of a file do not give the checksum that was written.
  case altered(file: String)
  /// The index and the pack were not written together.
  case mismatched
  /// The bytes of one picture do not give the checksum that was written, or do not decode.
  case alteredPicture(index: Int)

  /// A sentence for people; files are named without their folder.
  public var description: String {
    switch self {
    case .system(let call, let file, let errno): "\(call) of \(file) failed with errno \(errno)"
    case .notAPack(let file): "\(file) is not part of a pack"
    case .newerVersion(let found, let supported):
      "the pack has format \(found); this program reads up to \(supported)"
    case .wrongSize(let file, let expected, let found):
      "\(file) has \(found) bytes in place of \(expected): truncated or altered"
    case .altered(let file): "\(file) is altered: its checksum does not fit"
    case .mismatched: "the index belongs to another pack"
    case .alteredPicture(let index): "picture \(index) of the pack is altered"
    }
  }
}
