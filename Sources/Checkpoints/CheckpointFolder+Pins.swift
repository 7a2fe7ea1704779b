import Durability

extension CheckpointFolder {
  /// The steps that are pinned and when each was, in milliseconds since 1970. A mark whose checkpoint is gone is none.
  ///
  /// - Throws: `CheckpointError.fileSystem`.
  public func pins() throws(CheckpointError) -> [Int: Int64] {
    let names = Set(try names())
    var pins: [Int: Int64] = [:]
    for name in names where name.hasPrefix(pinPrefix) {
      guard let step = Int(name.dropFirst(pinPrefix.count)), names.contains("\(step)") else {
        continue
      }
      // A mark that cannot be read still holds its checkpoint; it is the oldest then.
      let bytes = try? fileSystem.read("\(directory)/\(name)")
      pins[step] = bytes.flatMap { Int64(String(decoding: $0, as: UTF8.self)) } ?? 0
    }
    return pins
  }

  /// Keeps a checkpoint from retention until it is unpinned.
  ///
  /// - Parameters:
  ///   - step: The checkpoint's step.
  ///   - milliseconds: The time since 1970 that `pins` will tell.
  /// - Returns: false where there is no such checkpoint, or a worker removed it meanwhile; nothing is pinned then.
  /// - Throws: `CheckpointError.fileSystem`.
  public func pin(step: Int, at milliseconds: Int64) throws(CheckpointError) -> Bool {
    guard try steps().contains(step) else { return false }
    do throws(FileSystemError) {
      try fileSystem.replaceFile(
        "\(directory)/\(pinName(step))", with: Array("\(milliseconds)".utf8))
    } catch {
      throw .fileSystem(error)
    }
    // The mark stands before the second look: see `retain`.
    if try steps().contains(step) { return true }
    try unpin(step: step)
    return false
  }

  /// Leaves a checkpoint to retention again; nothing happens if it is not pinned.
  ///
  /// - Throws: `CheckpointError.fileSystem`.
  public func unpin(step: Int) throws(CheckpointError) {
    guard try isPinned(step) else { return }
    do throws(FileSystemError) {
      try fileSystem.remove("\(directory)/\(pinName(step))")
      try fileSystem.synchronizeDirectory(directory)
    } catch {
      throw .fileSystem(error)
    }
  }

  func isPinned(_ step: Int) throws(CheckpointError) -> Bool {
    try names().contains(pinName(step))
  }

  func pinName(_ step: Int) -> String { "\(pinPrefix)\(step)" }
}

private let pinPrefix = "pinned-"
