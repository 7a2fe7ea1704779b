import API
import DatasetLibrary
import Datasets
import Identifiers
import JSONTree
import Logging
import Recipes
import Runs

/// The demo's dataset and run.
enum ServeDemo {
  static let datasetName = "Demo: drawn patterns"
  static let runName = "Demo"
  static let trainingPictures = 2000
  static let testPictures = 500

  /// What the demo's run asks for: what the product chooses by itself, for so long as a person watches.
  static func request() throws(RecipeProblems) -> RecipeRequest {
    try RecipeRequest(reading: ["updates": 200, "checkpoint_every_seconds": 15])
  }
}

extension RunningService {
  /// Draws the demo's pictures and starts its run, unless there is any dataset already; in the background.
  func startDemo() {
    guard library.isEmpty else { return }
    Task {
      do {
        let run = try await makeDemo()
        logger.notice("The demo's run has started.", metadata: ["run": "\(run)"])
      } catch {
        logger.error("The demo could not be started: \(error)")
      }
    }
  }

  private func makeDemo() async throws -> Identifier {
    let threads = machine.cores
    let dataset = try await library.admit(name: ServeDemo.datasetName) { directory in
      let report = try DemoPictures().write(
        into: directory, train: ServeDemo.trainingPictures, test: ServeDemo.testPictures,
        threads: threads)
      return try AdmittedDataset(report, pack: directory)
    }
    let resolved = try ServeDemo.request().resolve(dataset: dataset.size, machine: machine)
    let submission = RunSubmission(
      name: ServeDemo.runName, dataset: dataset.id, recipe: resolved.recipe)
    return try await coordinator.create(submission).record.run.id
  }
}
