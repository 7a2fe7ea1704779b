public import Durability

/// A run's checkpoints on disk: `<directory>/<step>/` with one file each.
///
/// A checkpoint is published by renaming a folder that is complete and flushed, so a reader sees all
/// of it or nothing. Names that begin with a dot are checkpoints being written or removed; a crash
/// may leave them behind, and `removeLeftovers` takes them away. A file `pinned-<step>` beside the folders keeps
/// that checkpoint from retention.
public struct CheckpointFolder: Sendable {
  /// The file of everything an update changes.
  public static let stateFileName = "state.safetensors"
  /// The file of the online encoder in torchvision's names.
  public static let modelFileName = "model.safetensors"
  /// Checkpoints that are kept by default.
  public static let defaultRetention = 2

  /// The folder that holds the checkpoints.
  public let directory: String
  let fileSystem: any FileSystem

  /// The checkpoints in a folder, which need not exist yet; its parent must.
  public init(directory: String, fileSystem: any FileSystem = DiskFileSystem()) {
    self.directory = directory
    self.fileSystem = fileSystem
  }

  /// The folder of one checkpoint.
  public func path(step: Int) -> String { "\(directory)/\(step)" }

  /// The steps of the published checkpoints, ascending.
  ///
  /// - Throws: `CheckpointError.fileSystem`.
  public func steps() throws(CheckpointError) -> [Int] {
    try names().compactMap { name in
      Int(name).flatMap { String($0) == name && $0 >= 0 ? $0 : nil }
    }.sorted()
  }

  func names() throws(CheckpointError) -> [String] {
    do throws(FileSystemError) {
      return try fileSystem.names(in: directory)
    } catch {
      throw .fileSystem(error)
    }
  }
}

// MARK: - Publishing

extension CheckpointFolder {
  /// Writes a checkpoint, makes it durable, publishes it, and removes all but the newest few and what is to be kept.
  ///
  /// A checkpoint of the same step that reads back is kept as it is: the same step of the same run
  /// holds the same bits.
  ///
  /// - Parameters:
  ///   - step: Updates done.
  ///   - state: Everything an update changes.
  ///   - model: The online encoder.
  ///   - retention: How many checkpoints are kept, at least 1.
  ///   - kept: The step of another one that is kept, such as the best; pinned ones are kept too.
  /// - Throws: `CheckpointError.fileSystem`; every checkpoint published before is still there.
  public func publish(
    step: Int, state: Safetensors, model: Safetensors,
    retention: Int = CheckpointFolder.defaultRetention, keeping kept: Int? = nil
  ) throws(CheckpointError) {
    precondition(step >= 0 && retention >= 1, "Step \(step), retention \(retention).")
    let beside = "\(directory)/.writing-\(step)"
    do throws(FileSystemError) {
      try fileSystem.createDirectory(directory)
      try fileSystem.removeAll(beside)
      try fileSystem.createDirectory(beside)
    } catch {
      throw .fileSystem(error)
    }
    try state.write(to: beside + "/" + CheckpointFolder.stateFileName, fileSystem: fileSystem)
    try model.write(to: beside + "/" + CheckpointFolder.modelFileName, fileSystem: fileSystem)
    try publishFolder(beside, step: step)
    try retain(last: retention, keeping: kept)
  }

  private func publishFolder(_ beside: String, step: Int) throws(CheckpointError) {
    let final = path(step: step)
    let isReadable = fileSystem.isDirectory(final) && isIntact(step: step)
    do throws(FileSystemError) {
      try fileSystem.synchronizeDirectory(beside)
      if isReadable {
        try fileSystem.removeAll(beside)
      } else {
        if fileSystem.isDirectory(final) { try setAside(step: step) }
        try fileSystem.rename(beside, to: final)
      }
      try fileSystem.synchronizeDirectory(directory)
    } catch {
      throw .fileSystem(error)
    }
  }

  /// Whether both files of a checkpoint read back.
  private func isIntact(step: Int) -> Bool {
    let files = [CheckpointFolder.stateFileName, CheckpointFolder.modelFileName]
    return files.allSatisfy { name in
      (try? Safetensors(reading: path(step: step) + "/" + name, fileSystem: fileSystem)) != nil
    }
  }

  /// Takes a checkpoint out of sight in one move, then removes its files.
  private func setAside(step: Int) throws(FileSystemError) {
    let aside = "\(directory)/.removing-\(step)"
    try fileSystem.removeAll(aside)
    try fileSystem.rename(path(step: step), to: aside)
    try fileSystem.removeAll(aside)
  }

  /// Removes all but the newest checkpoints, the pinned ones and the one of step `kept`.
  ///
  /// - Throws: `CheckpointError.fileSystem`; those are untouched.
  public func retain(last count: Int, keeping kept: Int? = nil) throws(CheckpointError) {
    for step in try steps().dropLast(count) where step != kept {
      guard try !isPinned(step) else { continue }
      do throws(FileSystemError) {
        try removeUnpinned(step: step)
      } catch {
        throw .fileSystem(error)
      }
    }
  }

  /// Removes a checkpoint unless another process pins it at the same time.
  private func removeUnpinned(step: Int) throws(FileSystemError) {
    let aside = "\(directory)/.removing-\(step)"
    try fileSystem.removeAll(aside)
    try fileSystem.rename(path(step: step), to: aside)
    // `pin` writes its mark first and then looks for the checkpoint. So either the mark is seen here and the
    // checkpoint comes back, or `pin` finds the checkpoint gone and says so: no pin is lost in silence.
    if try fileSystem.names(in: directory).contains(pinName(step)) {
      try fileSystem.rename(aside, to: path(step: step))
    } else {
      try fileSystem.removeAll(aside)
    }
  }

  /// Removes what a crash left half-written or half-removed. Not to be called while a worker writes.
  ///
  /// - Throws: `CheckpointError.fileSystem`.
  public func removeLeftovers() throws(CheckpointError) {
    for name in try names() where name.hasPrefix(".") {
      do throws(FileSystemError) {
        try fileSystem.removeAll(directory + "/" + name)
      } catch {
        throw .fileSystem(error)
      }
    }
  }
}

// MARK: - Reading

/// A checkpoint that was read back and verified.
public struct LoadedCheckpoint: Sendable {
  /// Updates done.
  public var step: Int
  /// Everything an update changes.
  public var state: Safetensors
  /// Newer checkpoints that were refused, with the reason.
  public var refused: [(step: Int, reason: CheckpointError)]
}

extension CheckpointFolder {
  /// The newest checkpoint whose state reads back; nil if there is none at all.
  ///
  /// - Throws: `CheckpointError` of the newest if there are some and none of them reads back.
  public func newest() throws(CheckpointError) -> LoadedCheckpoint? {
    var refused: [(step: Int, reason: CheckpointError)] = []
    for step in try steps().reversed() {
      do throws(CheckpointError) {
        return LoadedCheckpoint(step: step, state: try state(step: step), refused: refused)
      } catch {
        refused.append((step, error))
      }
    }
    if let newest = refused.first { throw newest.reason }
    return nil
  }

  /// The state of one checkpoint, verified.
  ///
  /// - Throws: `CheckpointError`.
  public func state(step: Int) throws(CheckpointError) -> Safetensors {
    try Safetensors(
      reading: path(step: step) + "/" + CheckpointFolder.stateFileName, fileSystem: fileSystem)
  }
}
