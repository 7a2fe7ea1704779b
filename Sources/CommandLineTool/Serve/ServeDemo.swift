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

  /// What the demo's run asks for: about 85 seconds on two cores.
  ///
  /// The kinds are shapes, so colour is varied more than in the paper and crops are kept large; small views
  /// and batches leave time for 1,550 updates.
  static func request() throws(RecipeProblems) -> RecipeRequest {
    let view: JSONValue = [
      "crop_area": [0.4, 1], "brightness": 0.4, "contrast": 0.6, "saturation": 0.6, "hue": 0.5,
      "grayscale_probability": 0.5, "blur_probability": 0, "solarize_probability": 0.2,
      "vertical_flip_probability": 0, "quarter_turn_probability": 0,
    ]
    return try RecipeRequest(reading: [
      "image_size": 16, "width": 0.25, "batch_size": 64, "epochs": 50, "warmup_epochs": 1,
      "optimizer": "lars", "base_learning_rate": 6, "weight_decay": 1e-6, "base_tau": 0.98,
      "projector_hidden": 512, "projector_output": 256, "predictor_hidden": 512,
      "negatives_weight": 0, "embedding": "representation", "checkpoint_every_seconds": 15,
      "augmentations": [
        "first": view, "second": view,
        "normalization": ["mean": [0.485, 0.456, 0.406], "deviation": [0.229, 0.224, 0.225]],
      ],
    ])
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
