import ArgumentParser

/// The version of the program.
let byolVersion = "0.1.0"

/// The program: what a command computes, it computes on the process's first thread.
///
/// ArgumentParser's own entry point would run commands on Swift's cooperative pool, whose threads do not inherit the niceness
/// with which the program was started, and which computing would hold up.
@main
enum Program {
  @MainActor static func main() async {
    do {
      var command = try Byol.parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch {
      Byol.exit(withError: error)
    }
  }
}

/// `byol`
struct Byol: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "byol",
    abstract:
      "Train BYOL image encoders on your own unlabelled pictures and serve their embeddings.",
    version: byolVersion,
    subcommands: [
      ServeCommand.self, TrainCommand.self, EmbedCommand.self, IndexCommand.self,
      SearchCommand.self,
      ExportCommand.self, EvaluateCommand.self, ViewsCommand.self, BackupCommand.self,
      KeysCommand.self,
      BenchmarkCommand.self, PlanCommand.self, ProfileCommand.self,
    ])
}
