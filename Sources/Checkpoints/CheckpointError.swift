public import Durability

/// Why a checkpoint cannot be written or read.
public enum CheckpointError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A file operation failed.
  case fileSystem(FileSystemError)
  /// The file ends before what it announces, or goes on after it.
  case wrongSize(path: String, expected: Int, found: Int)
  /// The header is not what the format says.
  case malformedHeader(path: String, reason: String)
  /// The contents are not those that were written.
  case digestMismatch(path: String)
  /// The file carries no digest.
  case digestMissing(path: String)
  /// There is no checkpoint.
  case none(directory: String)

  /// The value as text.
  public var description: String {
    switch self {
    case .fileSystem(let error): "\(error)"
    case .wrongSize(let path, let expected, let found):
      "\(path) has \(found) bytes where its header says \(expected)."
    case .malformedHeader(let path, let reason): "\(path) is not a safetensors file: \(reason)."
    case .digestMismatch(let path): "\(path) is damaged: its digest differs."
    case .digestMissing(let path): "\(path) carries no digest."
    case .none(let directory): "There is no checkpoint in \(directory)."
    }
  }
}
