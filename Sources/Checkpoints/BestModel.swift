public import Durability
import JSONTree

/// The model of a run that a measure liked best, in a folder of its own beside the checkpoints: `model.safetensors`, and
/// `best.json`, which says of which step it is and what the measure was.
public struct BestModel: Sendable {
  /// Which model it is.
  public struct Mark: Hashable, Sendable, Codable {
    /// The step of its checkpoint; 0 for the weights that the run was given to begin with.
    public var step: Int
    /// The measure's value; greater is better.
    public var value: Double

    /// The model of a step, with its value.
    public init(step: Int, value: Double) {
      self.step = step
      self.value = value
    }
  }

  /// The folder's name in a run's directory.
  public static let folderName = "best"
  private static let markName = "best.json"

  private let directory: String
  private let fileSystem: any FileSystem

  /// The best model of the run in `runDirectory`; there need not be one yet.
  public init(runDirectory: String, fileSystem: any FileSystem = DiskFileSystem()) {
    directory = "\(runDirectory)/\(Self.folderName)"
    self.fileSystem = fileSystem
  }

  /// The model's file.
  public var path: String { "\(directory)/\(CheckpointFolder.modelFileName)" }

  /// Which model is there; nil where there is none, or its mark cannot be read.
  public var mark: Mark? {
    guard let bytes = try? fileSystem.read("\(directory)/\(Self.markName)") else { return nil }
    return try? JSONCoding.decode(Mark.self, from: bytes)
  }

  /// Puts a model in the place of the one that is there, then its mark.
  ///
  /// - Throws: `CheckpointError.fileSystem`; no file is half written, and the mark is of this model or of the one before.
  public func publish(_ model: Safetensors, _ mark: Mark) throws(CheckpointError) {
    precondition(mark.value.isFinite, "The measure of step \(mark.step) is no number.")
    let beside = "\(directory)/.\(CheckpointFolder.modelFileName)"
    do throws(FileSystemError) {
      try fileSystem.createDirectory(directory)
    } catch {
      throw .fileSystem(error)
    }
    try model.write(to: beside, fileSystem: fileSystem)
    guard let bytes = try? JSONCoding.encode(mark) else { return }
    do throws(FileSystemError) {
      try fileSystem.rename(beside, to: path)
      try fileSystem.replaceFile("\(directory)/\(Self.markName)", with: bytes)
    } catch {
      throw .fileSystem(error)
    }
  }
}
