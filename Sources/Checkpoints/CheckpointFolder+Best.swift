import Durability
import JSONTree

extension CheckpointFolder {
  /// The checkpoint that a measure liked best.
  public struct Best: Hashable, Sendable, Codable {
    /// Its step; 0 for the weights that the run was given to begin with, of which there is no checkpoint.
    public var step: Int
    /// The measure's value; greater is better.
    public var value: Double

    /// The checkpoint of a step, with its value.
    public init(step: Int, value: Double) {
      self.step = step
      self.value = value
    }
  }

  private static let bestFileName = "best.json"

  /// The checkpoint that was marked as the best; nil where none was, or it is gone, or the mark cannot be read.
  ///
  /// - Throws: `CheckpointError.fileSystem`.
  public func best() throws(CheckpointError) -> Best? {
    guard let bytes = try? fileSystem.read("\(directory)/\(Self.bestFileName)"),
      let best = try? JSONCoding.decode(Best.self, from: bytes)
    else { return nil }
    let steps = try steps()
    return best.step == 0 || steps.contains(best.step) ? best : nil
  }

  /// Marks a checkpoint as the best: retention leaves it alone until another one is.
  ///
  /// - Throws: `CheckpointError.fileSystem`; the mark is then as it was.
  public func mark(best: Best) throws(CheckpointError) {
    precondition(best.value.isFinite, "The measure of step \(best.step) is no number.")
    guard let bytes = try? JSONCoding.encode(best) else { return }
    do throws(FileSystemError) {
      try fileSystem.createDirectory(directory)
      try fileSystem.replaceFile("\(directory)/\(Self.bestFileName)", with: bytes)
    } catch {
      throw .fileSystem(error)
    }
  }
}
