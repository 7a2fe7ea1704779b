import ArgumentParser
import Datasets
import Encoders
import Evaluation
import Foundation
import Tensors

/// `byol evaluate`: how well embeddings find pictures of the same label.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Evaluate a model on labelled pictures by nearest neighbours.",
    discussion: """
      byol evaluate --model MODEL.safetensors --dataset FOLDER/dataset

      Each test picture is given the label that its nearest training pictures vote for, weighted by \
      exp(cosine / 0.1). --random evaluates the same network before its first update, to compare with. \
      Prints a table, or one JSON object with --json.
      """)

  @Option(help: "A model file; with --random, one whose network and settings are taken.")
  var model: String

  @Option(
    help:
      "An admitted dataset with labels, and the splits train and test, or train and val where there is no test."
  )
  var dataset: String

  @Flag(help: "Evaluate a random network of the model's shape.")
  var random = false

  @Option(help: "Neighbours that vote; may be repeated.")
  var neighbours: [Int] = [20, 200]

  @Flag(help: "Also fit a linear classifier (L-BFGS).")
  var linear = false

  @OptionGroup var engine: EngineOptions

  @Flag(help: "Print JSON.")
  var json = false

  mutating func validate() throws {
    guard neighbours.allSatisfy({ (1...10_000).contains($0) }) else {
      throw ValidationError("--neighbours must be 1…10000.")
    }
    // Asked for twice, it would be one name twice in the JSON.
    neighbours = neighbours.enumerated().filter { !neighbours[..<$0].contains($1) }.map(\.element)
  }

  func run() throws {
    let pack = try Pack(directory: dataset)
    let judged = try judgedSplit(of: pack)
    let budget = engine.budget
    var source = try EncoderModel(reading: model)
    if random { source = source.randomized(seed: 1) }
    let encoder = try EmbeddingEncoder(
      source, batchSize: 32, lowering: engine.lowering())
    let began = monotonicSeconds()
    let train = try embeddings(.train, pack, encoder)
    let test = try embeddings(judged, pack, encoder)
    let seconds = monotonicSeconds() - began
    var results = try NeighbourEvaluation(neighbours: neighbours, threads: budget)
      .evaluate(train: train, test: test)
      .map { (name: "k-NN, k = \($0.requested)", accuracy: $0.accuracy.top1) }
    if linear {
      let probe = try LinearEvaluation(threads: budget).evaluate(train: train, test: test)
      results.append((name: "linear", accuracy: probe.accuracy.top1))
    }
    report(results, train: train.count, test: test.count, split: judged, seconds: seconds)
  }

  /// `test`, or `val` where no labelled picture is in `test`.
  ///
  /// - Throws: an exit code, after a sentence, where there is nothing to compare.
  private func judgedSplit(of pack: Pack) throws -> Split {
    func labelled(_ split: Split) -> Int {
      pack.pictures(in: split).count { pack[$0].label != nil }
    }
    let counts = Split.allCases.map { "\(labelled($0)) in \($0.name)" }.joined(separator: ", ")
    guard labelled(.train) > 0, let split = [.test, .validation].first(where: { labelled($0) > 0 })
    else {
      throw refusal(
        "\(dataset) has too few labelled pictures to evaluate with (\(counts)); it needs some in train, "
          + "and some in test or val.", code: .failure)
    }
    return split
  }

  private func embeddings(_ split: Split, _ pack: Pack, _ encoder: EmbeddingEncoder) throws
    -> LabelledEmbeddings
  {
    let pictures = pack.pictures(in: split).filter { pack[$0].label != nil }
    var values: [Float] = []
    values.reserveCapacity(pictures.count * encoder.dimension)
    for first in stride(from: 0, to: pictures.count, by: encoder.batchSize) {
      let group = pictures[first..<min(first + encoder.batchSize, pictures.count)]
      let images = try group.map { try pack.image(at: $0) }
      for vector in try encoder.embed(images) { values += vector }
    }
    return try LabelledEmbeddings(
      values: values, dimension: encoder.dimension, labels: pictures.compactMap { pack[$0].label },
      classCount: pack.labels.count)
  }

  private func report(
    _ results: [(name: String, accuracy: Double)], train: Int, test: Int, split: Split,
    seconds: Double
  ) {
    if json {
      let members = results.map { "\"\($0.name)\":\($0.accuracy)" }.joined(separator: ",")
      print(
        "{\"train\":\(train),\"test\":\(test),\"split\":\"\(split.name)\",\"seconds\":\(seconds),"
          + "\"top1\":{\(members)}}")
      return
    }
    print(
      "\(test) pictures of \(split.name) against \(train) training pictures (\(duration(seconds)))")
    let most = neighbours.max() ?? 0
    if most > train { print("Where k is greater than \(train), all training pictures vote.") }
    for result in results {
      print("  \(result.name): \(String(format: "%.1f", 100 * result.accuracy)) %")
    }
  }
}
