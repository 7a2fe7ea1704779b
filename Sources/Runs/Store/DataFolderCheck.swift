import Checkpoints
public import Durability
import JSONTree
import Recipes
import Training

/// Whether a data folder, such as a backup, holds together.
public struct DataFolderCheck: Sendable {
  /// What was looked at, and what is wrong with it.
  public struct Report: Sendable, Hashable {
    /// Runs whose files were read.
    public var runs = 0
    /// Checkpoints that read back, bit for bit what was written.
    public var checkpoints = 0
    /// Datasets that are whole.
    public var datasets = 0
    /// Indexes that have their files.
    public var indexes = 0
    /// Sentences; empty where all is well.
    public var faults: [String] = []
  }

  /// Reads a data folder: every checkpoint and its digest, each run's recipe, the sizes of datasets, the files of indexes. Changes
  /// nothing. `runs` are the identifiers of the database's runs.
  ///
  /// - Throws: `FileSystemError`, `CheckpointError` where a folder cannot be read.
  public static func report(
    on folder: String, runs: Set<String>, fileSystem: any FileSystem = DiskFileSystem()
  ) throws -> Report {
    var check = DataFolderCheck(folder: folder, fileSystem: fileSystem)
    for run in runs.sorted() { try check.look(atRun: run) }
    for name in try fileSystem.names(in: folder + "/datasets") where !name.hasPrefix(".") {
      try check.look(atDataset: name)
    }
    for name in try fileSystem.names(in: folder + "/models") where !name.hasPrefix(".") {
      check.look(atModel: name)
    }
    for name in try fileSystem.names(in: folder + "/indexes") where name.hasSuffix(".json") {
      try check.look(atIndex: String(name.dropLast(5)))
    }
    return check.report
  }

  private let folder: String
  private let fileSystem: any FileSystem
  private var report = Report()

  private init(folder: String, fileSystem: any FileSystem) {
    (self.folder, self.fileSystem) = (folder, fileSystem)
  }

  private mutating func look(atRun run: String) throws {
    report.runs += 1
    let directory = "\(folder)/runs/\(run)"
    do {
      _ = try Recipe(decoding: try fileSystem.read(directory + "/recipe.json"))
    } catch {
      report.faults.append("Run \(run): its recipe does not read: \(error)")
    }
    let checkpoints = CheckpointFolder(
      directory: directory + "/checkpoints", fileSystem: fileSystem)
    for step in try checkpoints.steps() {
      do {
        _ = try checkpoints.state(step: step)
        _ = try Safetensors(
          reading: checkpoints.path(step: step) + "/" + CheckpointFolder.modelFileName)
        report.checkpoints += 1
      } catch {
        report.faults.append("Run \(run): checkpoint \(step) does not read back: \(error)")
      }
    }
  }

  private mutating func look(atDataset id: String) throws {
    let directory = "\(folder)/datasets/\(id)"
    guard let bytes = try? fileSystem.read(directory + "/dataset.json"),
      let record = try? JSONValue(parsing: bytes).objectValue,
      let expected = record["size_bytes"]?.integerValue
    else {
      report.faults.append("Dataset \(id): its record does not read.")
      return
    }
    // The record tells what all other files had when it was written.
    var found = 0
    for name in try fileSystem.names(in: directory) where name != "dataset.json" {
      found += DiskFileSystem().byteCount(ofFile: directory + "/" + name)
    }
    guard found >= expected else {
      report.faults.append("Dataset \(id): its files have \(found) bytes of \(expected).")
      return
    }
    report.datasets += 1
  }

  /// An uploaded model is a folder; the names that stand for models are a file beside them.
  private mutating func look(atModel id: String) {
    let directory = "\(folder)/models/\(id)"
    guard fileSystem.isDirectory(directory) else { return }
    do {
      _ = try Safetensors(reading: directory + "/" + CheckpointFolder.modelFileName)
    } catch { report.faults.append("Model \(id) does not read back: \(error)") }
  }

  private mutating func look(atIndex id: String) throws {
    let path = "\(folder)/indexes/\(id)"
    guard let bytes = try? fileSystem.read(path + ".json"),
      let record = try? JSONValue(parsing: bytes).objectValue
    else {
      report.faults.append("Index \(id): its record does not read.")
      return
    }
    guard record["state"] == "succeeded" else { return }
    guard !(try fileSystem.names(in: path)).isEmpty else {
      report.faults.append("Index \(id): it is whole by its record, and its files are missing.")
      return
    }
    report.indexes += 1
  }
}
