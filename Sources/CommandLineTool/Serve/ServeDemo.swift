import API
import DatasetLibrary
import Datasets
import Identifiers
import Images
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

  /// What the demo's run asks for: about 85 seconds on two cores.
  ///
  /// The kinds are shapes, so colour is varied more than in the paper and crops are kept large; small views
  /// and batches leave time for 1,550 updates.
  static func request() -> RecipeRequest {
    var request = RecipeRequest()
    request.imageSize = .value(16)
    request.width = .value(0.25)
    request.batchSize = .value(64)
    request.epochs = .value(50)
    request.warmupEpochs = .value(1)
    request.optimizer = .value(.lars)
    request.baseLearningRate = .value(6)
    request.weightDecay = .value(1e-6)
    request.baseTau = .value(0.98)
    request.projectorHidden = .value(512)
    request.predictorHidden = .value(512)
    request.augmentations = .value(augmentations)
    request.checkpointEverySeconds = .value(15)
    return request
  }

  private static var augmentations: Augmentations {
    var view = ViewAugmentation.paperFirst
    view.cropArea = [0.4, 1]
    (view.contrast, view.saturation, view.hue) = (0.6, 0.6, 0.5)
    view.grayscaleProbability = 0.5
    view.blurProbability = 0
    view.solarizeProbability = 0.2
    var augmentations = Augmentations()
    (augmentations.first, augmentations.second) = (view, view)
    return augmentations
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
