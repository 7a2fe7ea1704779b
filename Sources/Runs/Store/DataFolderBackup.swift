import Checkpoints
import Durability
import Foundation
public import Identifiers
import Training

/// A copy of a data folder, taken while a service uses it.
///
/// The database is copied as it is at one moment; then, for each run in that copy, its recipe, its log
/// and its newest checkpoint that reads back; then datasets, models and indexes, whose files never change. So
/// every run in the copy has its files, and what it did after that moment is in them or is done again.
public struct DataFolderBackup {
  /// Why a backup was not made.
  public enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The place exists.
    case exists(path: String)
    /// There is no database: it is no data folder.
    case noDatabase(path: String)
    /// A run's checkpoints changed faster than they could be copied.
    case checkpointsKeepChanging(run: Identifier)

    /// The failure as a sentence.
    public var description: String {
      switch self {
      case .exists(let path): "\(path) exists."
      case .noDatabase(let path): "\(path) is no data folder: it has no byol.sqlite."
      case .checkpointsKeepChanging(let run): "The checkpoints of run \(run) keep changing."
      }
    }
  }

  /// Times a checkpoint is copied that was removed meanwhile.
  private static let attempts = 10

  private let source: String
  private let target: String
  private let copyDatabase: (_ from: String, _ to: String) throws -> any RunStore

  /// Copies a data folder to a place that does not exist yet.
  ///
  /// `copyDatabase` copies the database as it is at one moment, and opens the copy.
  ///
  /// - Throws: `Failure`, what `copyDatabase` throws, or what copying a file throws; the place
  ///   holds a part of the copy then, under its name with `.incomplete`.
  public static func make(
    of source: String, at target: String,
    copyDatabase: @escaping (_ from: String, _ to: String) throws -> any RunStore
  ) throws {
    guard !FileManager.default.fileExists(atPath: target) else {
      throw Failure.exists(path: target)
    }
    guard FileManager.default.fileExists(atPath: source + "/byol.sqlite") else {
      throw Failure.noDatabase(path: source)
    }
    let incomplete = target + ".incomplete"
    try DiskFileSystem().removeAll(incomplete)
    try DiskFileSystem().createDirectory(incomplete)
    try DataFolderBackup(source: source, target: incomplete, copyDatabase: copyDatabase).make()
    try DiskFileSystem().rename(incomplete, to: target)
  }

  private func make() throws {
    try copyRuns(of: copyDatabase(source + "/byol.sqlite", target + "/byol.sqlite"))
    try copyModels()
    for name in ["datasets", "indexes"]
    where DiskFileSystem().isDirectory("\(source)/\(name)") {
      try copyFinished(in: "\(source)/\(name)", to: "\(target)/\(name)")
    }
    // Without its keys a copy would let everybody in; they are kept as digests.
    if FileManager.default.fileExists(atPath: source + "/keys.json") {
      try FileManager.default.copyItem(
        atPath: source + "/keys.json", toPath: target + "/keys.json")
    }
    // One flush of everything instead of one for each file, before the copy gets its name.
    sync()
  }

  /// Copies models with their evaluations, which may be written meanwhile; one that is removed meanwhile is left out.
  private func copyModels() throws {
    let (from, to) = (source + "/models", target + "/models")
    guard DiskFileSystem().isDirectory(from) else { return }
    try DiskFileSystem().createDirectory(to)
    for name in try DiskFileSystem().names(in: from)
    where !name.hasPrefix(".") && DiskFileSystem().isDirectory("\(from)/\(name)") {
      let (model, copy) = ("\(from)/\(name)", "\(to)/\(name)")
      try copyFinished(in: model, to: copy, without: DiskFileSystem().isDirectory)
      if DiskFileSystem().isDirectory(model + "/evaluations") {
        try copyFinished(in: model + "/evaluations", to: copy + "/evaluations")
      }
      if !DiskFileSystem().isDirectory(model) { try DiskFileSystem().removeAll(copy) }
    }
    // The file of aliases.
    try copyFinished(in: from, to: to, without: DiskFileSystem().isDirectory)
  }

  /// Copies what is finished: names that begin with a dot, or end in `.partial`, are on their way in or out. What is removed while it is
  /// copied is left out of the copy, and so are the paths that `isLeftOut` tells.
  private func copyFinished(
    in folder: String, to copy: String, without isLeftOut: (String) -> Bool = { _ in false }
  ) throws {
    try DiskFileSystem().createDirectory(copy)
    for name in try DiskFileSystem().names(in: folder)
    where !name.hasPrefix(".") && !name.hasSuffix(".partial") && !name.hasSuffix(".writing") {
      let (from, to) = ("\(folder)/\(name)", "\(copy)/\(name)")
      guard !isLeftOut(from) else { continue }
      do {
        try FileManager.default.copyItem(atPath: from, toPath: to)
      } catch {
        guard !FileManager.default.fileExists(atPath: from) else { throw error }
        try DiskFileSystem().removeAll(to)
      }
    }
  }

  private func copyRuns(of store: any RunStore) throws {
    try DiskFileSystem().createDirectory(target + "/runs")
    for record in try store.records(in: Set(RunState.allCases)) {
      try copy(record.run.id)
    }
  }

  private func copy(_ run: Identifier) throws {
    let (from, to) = ("\(source)/runs/\(run)", "\(target)/runs/\(run)")
    try DiskFileSystem().createDirectory(to)
    for name in ["recipe.json", "worker.log", InitialWeights.fileName]
    where FileManager.default.fileExists(atPath: "\(from)/\(name)") {
      try FileManager.default.copyItem(atPath: "\(from)/\(name)", toPath: "\(to)/\(name)")
    }
    if DiskFileSystem().isDirectory(from + "/evaluations") {
      try copyFinished(in: from + "/evaluations", to: to + "/evaluations")
    }
    let (present, copied) = (
      CheckpointFolder(directory: from + "/checkpoints"),
      CheckpointFolder(directory: to + "/checkpoints")
    )
    for _ in 0..<DataFolderBackup.attempts {
      guard let newest = try present.steps().last else { return }
      try DiskFileSystem().createDirectory(to + "/checkpoints")
      try? FileManager.default.copyItem(
        atPath: "\(from)/checkpoints/\(newest)", toPath: copied.path(step: newest))
      if (try? copied.state(step: newest)) != nil {
        return try copyKept(of: run, from: present, to: copied)
      }
      // It was removed while it was copied, and a newer one is there, or it is damaged and stays so.
      try DiskFileSystem().removeAll(copied.path(step: newest))
    }
    throw Failure.checkpointsKeepChanging(run: run)
  }

  /// Copies what retention leaves alone: the best model with its checkpoint, and the pinned checkpoints with their marks. One
  /// that stops being so meanwhile, and is removed, is left out.
  private func copyKept(
    of run: Identifier, from present: CheckpointFolder, to copied: CheckpointFolder
  ) throws {
    let best = BestModel(runDirectory: "\(source)/runs/\(run)")
    let pins = try present.pins()
    if let mark = best.mark, let model = try? Safetensors(reading: best.path) {
      try BestModel(runDirectory: "\(target)/runs/\(run)").publish(model, mark)
    }
    for step in Set(pins.keys).union([best.mark?.step].compactMap(\.self)) where step > 0 {
      let to = copied.path(step: step)
      if !FileManager.default.fileExists(atPath: to) {
        try? FileManager.default.copyItem(atPath: present.path(step: step), toPath: to)
      }
      guard (try? copied.state(step: step)) != nil else {
        try DiskFileSystem().removeAll(to)
        continue
      }
      if let at = pins[step] { _ = try copied.pin(step: step, at: at) }
    }
  }
}
