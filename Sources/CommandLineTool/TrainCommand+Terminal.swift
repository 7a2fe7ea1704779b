import ArgumentParser
import Datasets
import Durability
import Encoders
import Foundation
import Metrics
import NeuralNetworks
import Recipes
import Tensors
import Training

// MARK: On a terminal

extension TrainCommand {
  /// Admits the pictures on the first start, freezes the recipe, and trains.
  ///
  /// - Throws: an exit code, after a sentence, for what a person can mend.
  func train(pictures: String, output: String, _ request: RecipeRequest) throws {
    let source = try source(pictures)
    let folder = OutputFolder(path: output)
    try folder.make()
    let lock = try folder.lock()
    let pack = try pack(source, pictures: pictures, folder)
    let encoder = try initFrom.flatMap(encoder)
    let frozen = try folder.recipe(request) { request in
      var request = request
      if let encoder { request.adopt(encoder) }
      let (dataset, machine) = (
        DatasetSize(trainingPicturesOf: pack),
        Machine.size(Machine.threads(threads), on: engine.engine)
      )
      var resolved = try request.resolve(dataset: dataset, machine: machine)
      if resolved.recipe.minutes > 0, let speed = try speed(of: resolved.recipe, pack) {
        resolved = try request.resolve(
          dataset: dataset, machine: machine, picturesPerSecond: { _ in speed })
      }
      // Before the recipe is kept: a start that is refused leaves none behind.
      if let initFrom { try folder.requireFit(of: initFrom, to: resolved.recipe) }
      resolved.warnings.forEach(say)
      return resolved.recipe
    }
    try folder.begin(with: initFrom, recipe: frozen)
    say(frozen.sentence)
    let progress = TerminalProgress(recipe: frozen)
    let worker = TrainingWorker(
      recipe: frozen, runDirectory: output, runName: URL(filePath: output).lastPathComponent,
      threads: Machine.threads(threads), lowering: lowering(frozen))
    let stop = StopRequest(watchingInput: false)
    // The worker takes the same lock, which a second descriptor of this process could not get.
    lock.release()
    try worker.run(pack: pack, isAskedToStop: { stop.isAsked }, report: progress.show)
  }

  /// The encoder that a file of weights says it has; nil for a file of others, which does not say.
  private func encoder(_ file: String) throws -> EncoderConfiguration? {
    do {
      return try EncoderModel(reading: file).encoder
    } catch is EncoderModelError {
      return nil
    } catch {
      throw refusal("--init-from \(file): \(error)")
    }
  }

  /// Training pictures per second, measured with a few updates.
  private func speed(of recipe: Recipe, _ pack: Pack) throws -> Double? {
    var speed: Double?
    try TrainingWorker(
      recipe: recipe, runDirectory: "", runName: "", threads: Machine.threads(threads),
      lowering: lowering(recipe)
    ).measure(pack: pack, isAskedToStop: { false }, peakMemory: { 0 }) { report in
      speed = report.metrics?[RunFigures.imagesPerSecond] ?? speed
    }
    return speed
  }

  private func source(_ pictures: String) throws -> DatasetSource {
    do {
      return try DatasetSource(path: pictures)
    } catch {
      throw refusal("--pictures \(pictures): \(error)")
    }
  }

  /// The pack of the folder, made on the first start.
  private func pack(
    _ source: DatasetSource, pictures: String, _ folder: OutputFolder
  ) throws -> Pack {
    let now = PictureSourceNote(of: pictures)
    if folder.hasPack {
      let pack = try Pack(directory: folder.packPath)
      say(
        "The run learns from the \(pack.count) pictures that were admitted into \(folder.packPath); "
          + "\(pictures) is not read again.")
      if let change = folder.sourceNote?.change(to: now) {
        say("\(change) To learn from what is there now, choose another --output.")
      }
      return pack
    }
    do throws(AdmissionError) {
      let report = try admit(
        source: source, into: folder.packPath, threads: Machine.threads(threads).count,
        progress: { if $0.entries % 4096 == 0 { say($0.sentence) } })
      report.sentences.forEach(say)
    } catch {
      throw refusal(error.sentence(pictures: pictures), code: .failure)
    }
    try folder.note(now)
    return try Pack(directory: folder.packPath)
  }
}
