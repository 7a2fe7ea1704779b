import ArgumentParser

/// The version of the program.
let byolVersion = "0.1.0"

/// `byol`
@main
struct Byol: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "byol",
    abstract:
      "Train BYOL image encoders on your own unlabelled pictures and serve their embeddings.",
    version: byolVersion,
    subcommands: [
      ServeCommand.self, TrainCommand.self, EmbedCommand.self, EvaluateCommand.self,
      ViewsCommand.self, BackupCommand.self, BenchmarkCommand.self, PlanCommand.self,
      ProfileCommand.self,
    ])
}
