import ArgumentParser
import Durability
import Foundation
import RunDatabase
import Runs

/// `byol restore`: a data folder from a copy that was checked.
struct RestoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Check a copy that byol backup made, and make a data folder of it.",
    discussion: """
      Everything is read before anything is written: the database, every checkpoint with its digest, recipes, datasets, indexes. A copy with a \
      fault is not restored. The data folder must not exist, or be empty.
      """)

  @Option(help: "The data folder to make.")
  var data = "./byol-data"

  @Flag(help: "Check the copy and make nothing.")
  var check = false

  @Argument(help: "The copy.")
  var copy: String

  func run() throws {
    let report = try checked(copy)
    say(
      "\(copy): \(report.runs) runs, \(report.checkpoints) checkpoints, \(report.datasets) datasets, \(report.indexes) indexes read back."
    )
    if check { return }
    let disk = DiskFileSystem()
    if disk.isDirectory(data), try disk.names(in: data).isEmpty { try disk.remove(data) }
    guard !FileManager.default.fileExists(atPath: data) else {
      throw refusal("\(data) exists and is not empty; name another with --data, or move it away.")
    }
    do {
      try DataFolderBackup.make(of: copy, at: data, copyDatabase: SQLiteRunStore.copy(from:to:))
      _ = try checked(data)
    } catch let failure as DataFolderBackup.Failure {
      throw refusal("\(failure)", code: .failure)
    }
    say("\(copy) is restored to \(data); start byol serve --data \(data).")
  }

  /// The report on a folder without a fault.
  ///
  /// - Throws: an exit code, after a sentence for each fault.
  private func checked(_ folder: String) throws -> DataFolderCheck.Report {
    let database = folder + "/byol.sqlite"
    guard FileManager.default.fileExists(atPath: database) else {
      throw refusal("\(folder) is no data folder: it has no byol.sqlite.")
    }
    let report: DataFolderCheck.Report
    do {
      try SQLiteRunStore.examine(path: database, wholly: true)
      report = try DataFolderCheck.report(
        on: folder, runs: try SQLiteRunStore.runIdentifiers(path: database))
    } catch { throw refusal("\(folder): \(error)", code: .failure) }
    guard report.faults.isEmpty else {
      for fault in report.faults.prefix(100) { say(fault) }
      throw refusal("\(folder) has \(report.faults.count) faults.", code: .failure)
    }
    return report
  }
}
