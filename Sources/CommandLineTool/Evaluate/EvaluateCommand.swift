import ArgumentParser
import Datasets
import Durability
import Encoders
import Evaluation
import Foundation
import Images
import JSONTree
import Recipes
import Runs
import TensorGraph
import Training

/// `byol evaluate`: how good a model's vectors are, beside what costs nothing.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Evaluate a model beside baselines that need no training.",
    discussion: """
      byol evaluate --model MODEL.safetensors --dataset FOLDER/dataset

      With labels, each protocol judges five kinds of vectors: the model's; those of the same network at random weights \
      and initial statistics; statistics of the pictures; whitened 3×3 patches, as they are and projected as embeddings \
      are. knn-K gives each judged picture the label that its K nearest reference pictures vote for, weighted by \
      exp(cosine / 0.1); linear is a logistic regression whose regularisation is chosen on a tenth of the reference \
      pictures; sgd is the BYOL paper's linear evaluation, a linear classifier trained by SGD for 80 epochs on random crops, \
      \(EvaluationLimits.sgdViews) of each reference picture, which takes that many times as long; finetune-P trains \
      encoder and classifier together on P percent of the labels, for the two networks only: beside the random network it shows \
      what the run saved in labels. Without labels there are \
      measures of the two networks alone: RankMe, LiDAR, recall@1 of views, the mean cosine.

      The dataset may be another one than the model was trained on: that is a transfer. The split test is judged if there \
      is one, else val, else a fifth of train, drawn with a fixed seed. At most \
      \(EvaluationLimits.judged) pictures are judged, against at most \(EvaluationLimits.reference).

      Prints a table and sentences, or one JSON object with --json; progress goes to standard error.
      """)

  @Option(help: "A model file.")
  var model: String

  @Option(help: "An admitted dataset.")
  var dataset: String

  @Option(
    help: "What judges, separated by commas: \(EvaluationProtocol.names); 1…8 of them.")
  var protocols = EvaluationProtocol.usual.map(\.name).joined(separator: ",")

  @Flag(
    help:
      "A fixed part: at most \(EvaluationLimits.quickJudged) pictures against \(EvaluationLimits.quickReference)."
  )
  var quick = false

  @Flag(help: "Judge the model alone, as for a series of checkpoints of one run.")
  var withoutBaselines = false

  @Option(help: "Seed of the random network; default: that of the run's recipe, else 0.")
  var seed: UInt64?

  @OptionGroup var engine: EngineOptions

  @Flag(help: "Print JSON.")
  var json = false

  @Flag(
    help: ArgumentHelp(
      "As the service's worker: messages as JSON lines, stops at the end of input.",
      visibility: .hidden))
  var worker = false

  @Option(
    help: ArgumentHelp("As a worker: the process's niceness, 0…19.", visibility: .hidden))
  var niceness: Int?

  @OptionGroup var confinement: ConfinedWorker

  mutating func validate() throws {
    if let niceness, !RunResourceLimits.niceness.contains(niceness) {
      throw ValidationError("--niceness must be \(RunResourceLimits.niceness).")
    }
    _ = try chosenProtocols()
  }

  private func chosenProtocols() throws -> [EvaluationProtocol] {
    let names = protocols.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard (1...EvaluationLimits.protocols).contains(names.count) else {
      throw ValidationError("--protocols takes 1…\(EvaluationLimits.protocols) names.")
    }
    return try names.enumerated().compactMap { index, name in
      guard let known = EvaluationProtocol(name: name) else {
        throw ValidationError(
          "--protocols: \(name) was given; allowed: \(EvaluationProtocol.names).")
      }
      // Asked for twice, it would be judged twice.
      return names[..<index].contains(name) ? nil : known
    }
  }

  func run() throws {
    guard worker else {
      return try show(try report(progress: shownProgress(), isAskedToStop: { false }))
    }
    confinement.confine(reads: [dataset, model, recipePath], writes: [])
    if let niceness { giveNiceness(niceness) }
    let stop = StopRequest(watchingInput: true)
    do {
      send(EvaluationMessage(try report(progress: sentProgress(), isAskedToStop: { stop.isAsked })))
    } catch is ModelEvaluation.Stopped {
      throw ExitCode(0)
    } catch {
      send(EvaluationMessage(failed: "\(error)"))
      throw ExitCode(1)
    }
  }

  private func report(
    progress: @escaping (EvaluationProgress) -> Void, isAskedToStop: @escaping () -> Bool
  ) throws -> EvaluationReport {
    let began = monotonicSeconds()
    let pack = try Pack(directory: dataset)
    guard let pictures = PackSplit(pack, isQuick: quick) else {
      throw refused(
        "\(dataset) has \(pack.count == 1 ? "one picture" : "too few pictures") to evaluate with; it needs some in train and some in "
          + "test or val, or two in train.")
    }
    let source = try EncoderModel(reading: model)
    guard pack.channels == source.normalization.channels else {
      throw refused(
        "The pictures of \(dataset) have \(pack.channels) channels; the model was trained on "
          + "\(source.normalization.channels).")
    }
    return try ModelEvaluation(
      pack: pack, pictures: pictures, model: source, networkSeed: seed ?? recipeSeed ?? 0,
      protocols: try chosenProtocols(), isQuick: quick, hasBaselines: !withoutBaselines,
      threads: engine.budget,
      lowering: engine.lowering, progress: progress, isAskedToStop: isAskedToStop
    ).report(seconds: { monotonicSeconds() - began })
  }

  private func refused(_ sentence: String) -> any Error {
    worker ? Refused(description: sentence) : refusal(sentence, code: .failure)
  }

  /// A sentence for the service.
  private struct Refused: Error, CustomStringConvertible {
    let description: String
  }

  /// The seed of the run that the model is a checkpoint of.
  private var recipeSeed: UInt64? {
    guard let bytes = try? DiskFileSystem().read(recipePath) else { return nil }
    return try? Recipe(decoding: bytes).seed
  }

  /// The recipe of that run: `recipe.json` stands beside its `checkpoints`.
  private var recipePath: String {
    URL(filePath: model).standardizedFileURL
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "recipe.json").path
  }
}

// MARK: What is shown

extension EvaluateCommand {
  private func show(_ report: EvaluationReport) throws {
    guard !json else {
      return print(String(decoding: try JSONCoding.encode(report), as: UTF8.self))
    }
    let pictures = report.pictures
    print(
      "\(pictures.judged) pictures of \(pictures.split.title) against \(pictures.reference) others "
        + "(\(duration(report.seconds)))")
    for line in report.table + report.sentences { print(line) }
  }

  /// A line that is written over on a terminal, a line every ten seconds elsewhere.
  private func shownProgress() -> (EvaluationProgress) -> Void {
    let isTerminal = isatty(STDERR_FILENO) != 0
    var shownAt = -Double.infinity
    return { progress in
      let now = monotonicSeconds()
      let isLast = progress.done == progress.total
      guard isLast || now - shownAt >= (isTerminal ? 0.2 : 10) else { return }
      shownAt = now
      let line =
        "\(progress.subject.title): \(progress.done) of \(progress.total) pictures and views"
      guard isTerminal else { return say(line) }
      writeOver(line, end: isLast ? "\n" : "")
    }
  }

  /// At most five lines per second, and the last one.
  private func sentProgress() -> (EvaluationProgress) -> Void {
    var sentAt = -Double.infinity
    return { progress in
      let now = monotonicSeconds()
      guard progress.done == progress.total || now - sentAt >= 0.2 else { return }
      sentAt = now
      send(EvaluationMessage(progress))
    }
  }
}

/// One line on standard output.
private func send(_ message: EvaluationMessage) {
  guard let line = try? JSONCoding.encode(message) else { return }
  FileHandle.standardOutput.write(Data(line + [0x0A]))
}
