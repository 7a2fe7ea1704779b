import Foundation
import JSONTree
import Recipes
import RunDatabase
import Runs

/// A coordinator over SQLite, with this program as its worker.
struct ToyService {
  let folder: String
  let count: Int

  func run() async throws {
    let coordinator = try await opened()
    let terminations = DispatchSource.makeSignalSource(signal: SIGTERM)
    signal(SIGTERM, SIG_IGN)
    terminations.setEventHandler {
      Task {
        await coordinator.end(within: .seconds(10))
        exit(0)
      }
    }
    terminations.resume()
    try await coordinator.begin()
    let existing = try await coordinator.counts().values.reduce(0, +)
    for _ in existing..<max(existing, count) {
      _ = try await coordinator.create(
        RunSubmission(dataset: "pictures", recipe: try ToyService.recipe()))
    }
    print("ready")
    for record in try await coordinator.page(state: nil, limit: 100, after: nil).records {
      for await event in try await coordinator.eventStream(record.run.id, after: 0) {
        if event.kind == "state", event.state == .succeeded || event.state == .failed { break }
      }
    }
    await coordinator.end(within: .seconds(10))
  }

  /// A service that was killed a moment ago may not have let go of the folder yet.
  private func opened() async throws -> RunCoordinator {
    var settings = RunSettings(workerCommand: [CommandLine.arguments[0], "train"])
    settings.restartLimit = 1_000_000
    settings.niceness = 0
    settings.firstBackoff = .milliseconds(1)
    settings.greatestBackoff = .milliseconds(10)
    return try RunCoordinator(
      dataDirectory: folder, store: SQLiteRunStore(path: folder + "/byol.sqlite"),
      settings: settings, packDirectory: { "/packs/\($0)" })
  }

  /// 400 updates: 100 epochs of 32 pictures by 8.
  static func recipe() throws -> Recipe {
    try RecipeRequest(reading: ["batch_size": 8, "epochs": 100])
      .resolve(
        dataset: DatasetSize(pictures: 32, medianShortSide: 32),
        machine: MachineSize(cores: 2, memoryByteCount: 8 << 30)
      ).recipe
  }
}
