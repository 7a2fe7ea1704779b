import ArgumentParser
import Datasets
import Encoders
import Foundation
import Images
import JSONTree
import Tensors

/// `byol embed`: representations of pictures, one JSON line each.
struct EmbedCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "embed", abstract: "Print the embeddings of pictures as JSON lines.",
    discussion: """
      byol embed --model FOLDER/checkpoints/STEP/model.safetensors cat.jpg dog.png

      Each line is {"file": …, "embedding": […]}: the online encoder's output before the projector, of length 1 \
      unless --no-normalize. The same picture, model and precision give the same bits as over HTTP. A picture that does not \
      decode gives {"file": …, "error": {"code": …, "detail": …}}, and the exit code 1 at the end.
      """)

  @Option(help: "A model file.")
  var model: String

  @Flag(inversion: .prefixedNo, help: "Scale each embedding to length 1.")
  var normalize = true

  @OptionGroup var engine: EngineOptions

  @Argument(help: "Picture files.")
  var files: [String]

  func run() throws {
    let encoder = try EmbeddingEncoder(modelFile: model, lowering: engine.lowering())
    var failed = false
    for file in files {
      let bytes = try contents(of: file)
      do {
        print(line(file, try encoder.embed(try decode(bytes))))
      } catch let error as ImageError {
        failed = true
        print(line(file, error))
      }
    }
    if failed { throw ExitCode(1) }
  }

  private func contents(of file: String) throws -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: file) else {
      throw ValidationError("\(file) cannot be read.")
    }
    return Array(data)
  }
}

extension EmbedCommand {
  private func line(_ file: String, _ vector: [Float]) -> String {
    let shown = normalize ? l2Normalized(vector, dimension: vector.count) : vector
    let numbers = shown.map { "\($0)" }
    return "{\"file\":\(quoted(file)),\"embedding\":[\(numbers.joined(separator: ","))]}"
  }

  /// A string as JSON text.
  private func quoted(_ text: String) -> String {
    JSONValue.string(text).description
  }

  private func line(_ file: String, _ error: ImageError) -> String {
    let fields = [("code", error.code.rawValue), ("detail", error.detail)]
    let members = fields.map { "\"\($0.0)\":\(quoted($0.1))" }
    return "{\"file\":\(quoted(file)),\"error\":{\(members.joined(separator: ","))}}"
  }
}
