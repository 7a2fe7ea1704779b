/// Which part of a data set a picture belongs to: runs learn from `train`, evaluation compares `test`
/// with `train`.
public enum Split: UInt8, Sendable, CaseIterable, Codable {
  /// Learnt from.
  case train = 0
  /// Looked at while choosing settings.
  case validation = 1
  /// Looked at in the end.
  case test = 2

  /// The name in reports: `train`, `val` or `test`.
  public var name: String {
    switch self {
    case .train: "train"
    case .validation: "val"
    case .test: "test"
    }
  }

  /// The split that a folder's name can stand for, in any case of letters; nil for other names. Whether it does, the whole
  /// layout tells (`FolderLayout`).
  public init?(folder: String) {
    switch folder.lowercased() {
    case "train", "training": self = .train
    case "val", "valid", "validation": self = .validation
    case "test", "testing": self = .test
    default: return nil
    }
  }
}
