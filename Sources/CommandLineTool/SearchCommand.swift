import ArgumentParser
import Datasets
import Durability
import Encoders
import Foundation
import Images
import JSONTree
import Retrieval
import TensorGraph
import Tensors

/// `byol search`: the pictures of an index that are most like some pictures.
struct SearchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "search", abstract: "Find the pictures of an index that are most like a picture.",
    discussion: """
      byol search INDEX cat.jpg
      byol search INDEX cat.jpg --count 20 --label cat --label dog --json

      Each line is a score (the cosine, 1 at most) and the name of a picture. Results are exact. The index has its own copy \
      of the model. A query that cannot be read is told, the others are answered, and the exit code is 1.
      """)

  @Argument(help: "The folder of an index, as `byol index` makes it.")
  var index: String

  @Argument(help: "Picture files.")
  var files: [String]

  @Option(name: [.customShort("k"), .long], help: "Neighbours of each picture, 1…1000.")
  var count = 10

  @Option(name: .customLong("label"), help: "Only pictures of this label; may be repeated.")
  var labels: [String] = []

  @Option(
    name: .customLong("split"),
    help: "Only pictures of this part (train, val, test); may be repeated.")
  var splits: [String] = []

  @Flag(help: "Print a JSON line for each picture instead of text.")
  var json = false

  @OptionGroup var engine: EngineOptions

  mutating func validate() throws {
    guard SearchLimits.neighbours.contains(count) else {
      throw ValidationError("--count must be \(SearchLimits.neighbours).")
    }
    for split in splits where Split(folder: split) == nil {
      throw ValidationError("--split \(split): allowed: train, val, test.")
    }
  }

  func run() throws {
    let index = try opened()
    var filter = ItemFilter()
    if !labels.isEmpty {
      for label in labels where !index.labels.contains(label) {
        throw refusal("--label \(label): the index has \(known(index.labels)).")
      }
      filter.labels = Set(labels)
    }
    if !splits.isEmpty { filter.splits = Set(splits.compactMap { Split(folder: $0) }) }
    let encoder = try encoder(index)
    var failed = false
    for (number, file) in files.enumerated() {
      do {
        let vector = try encoder.embed(try decode(try contents(of: file)))
        let found = try index.nearest(
          to: [vector], count: count, filter: filter, threads: engine.budget.count)[0]
        if !json, files.count > 1 { print("\(number > 0 ? "\n" : "")\(file)") }
        show(found, of: index, query: file)
      } catch let error as ImageError {
        failed = true
        say("\(file): \(error.detail)")
      } catch let error as IndexError {
        failed = true
        say("\(file): \(error)")
      } catch is ExitCode {
        failed = true
      }
    }
    if failed { throw ExitCode(1) }
  }

  private func opened() throws -> VectorIndex {
    do throws(IndexError) { return try VectorIndex(directory: index) } catch {
      throw refusal("\(index): \(error)", code: .failure)
    }
  }

  /// The encoder that made the index, in the precision that it was made in where this machine has it.
  private func encoder(_ index: VectorIndex) throws -> EmbeddingEncoder {
    let made = Precision(rawValue: index.manifest.precision)
    var precision = try engine.resolvedPrecision
    if engine.precision == .auto, let made {
      if engine.engine.precisions.contains(made) {
        precision = made
      } else {
        say(
          "The index was computed in \(made.rawValue), which this machine does not have; scores differ in the third digit."
        )
      }
    }
    let path = index.directory + "/" + IndexFile.model
    do {
      return try EmbeddingEncoder(
        modelFile: path,
        lowering: engine.engine.lowering(threads: engine.budget, precision: precision))
    } catch {
      throw refusal("\(path): \(error)", code: .failure)
    }
  }

  private func known(_ labels: [String]) -> String {
    guard !labels.isEmpty else { return "no labels" }
    let more = labels.count > 10 ? " and \(labels.count - 10) more" : ""
    return "the labels \(labels.prefix(10).joined(separator: ", "))\(more)"
  }

  private func show(_ found: [Neighbour], of index: VectorIndex, query: String) {
    guard json else {
      for neighbour in found {
        let item = index.item(neighbour.row)
        let label = item.label.map { "  (\($0))" } ?? ""
        print("\(String(format: "%.4f", neighbour.score))  \(item.name)\(label)")
      }
      return
    }
    let line: JSONValue = [
      "query": .string(query), "source": .string(index.manifest.source),
      "fingerprint": .string(index.manifest.fingerprint),
      "neighbours": .array(
        found.map { neighbour in
          let item = index.item(neighbour.row)
          return [
            "item": .integer(Int64(neighbour.row)),
            // As short as float32 reads back.
            "score": .number(Double(neighbour.score.description) ?? 0),
            "name": .string(item.name), "label": item.label.map(JSONValue.string) ?? .null,
            "split": .string(item.split.name),
          ]
        }),
    ]
    print(line.description)
  }
}
