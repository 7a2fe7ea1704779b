import ArgumentParser
import Foundation

/// The version of the program.
let byolVersion = "0.2.0"

/// The program: what a command computes, it computes on the process's first thread.
///
/// ArgumentParser's own entry point would run commands on Swift's cooperative pool, whose threads do not inherit the niceness
/// with which the program was started, and which computing would hold up.
@main
enum Program {
  @MainActor static func main() async {
    let (words, settings) = completedWords()
    do {
      var command = try Byol.parseAsRoot(words)
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch {
      for line in settings?.origins(namedIn: Byol.fullMessage(for: error)) ?? [] { say(line) }
      Byol.exit(withError: error)
    }
  }

  /// The command line with what the environment and a file of settings say.
  private static func completedWords() -> ([String], Settings?) {
    do throws(SettingsError) {
      return try Settings.completed(
        Array(CommandLine.arguments.dropFirst()),
        environment: ProcessInfo.processInfo.environment)
    } catch {
      Byol.exit(withError: refusal(error.description))
    }
  }
}

/// `byol`
struct Byol: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "byol",
    abstract:
      "Train BYOL image encoders on your own unlabelled pictures and serve their embeddings.",
    version: Build.description,
    subcommands: [
      ServeCommand.self, TrainCommand.self, EmbedCommand.self, IndexCommand.self,
      SearchCommand.self,
      ExportCommand.self, EvaluateCommand.self, ViewsCommand.self, BackupCommand.self,
      RestoreCommand.self, GarbageCommand.self, ConfigCommand.self, DoctorCommand.self,
      KeysCommand.self,
      BenchmarkCommand.self, PlanCommand.self, ProfileCommand.self,
    ])
}
