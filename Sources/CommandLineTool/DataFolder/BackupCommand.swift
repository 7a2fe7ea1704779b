import ArgumentParser
import RunDatabase
import Runs

/// `byol backup`: a copy of the data folder.
struct BackupCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup", abstract: "Copy a data folder, also while a service uses it.",
    discussion: """
      The copy is a data folder: `byol serve --data COPY` goes on with it. Runs under way are in it with their \
      newest checkpoint.
      """)

  @Option(help: "The data folder of the service.")
  var data = "./byol-data"

  @Argument(help: "Where the copy is made; it must not exist.")
  var copy: String

  func run() throws {
    do {
      try DataFolderBackup.make(
        of: data, at: copy, copyDatabase: SQLiteRunStore.copy(from:to:))
    } catch let failure as DataFolderBackup.Failure {
      throw ValidationError("\(failure)")
    }
    say("\(data) is copied to \(copy).")
  }
}
