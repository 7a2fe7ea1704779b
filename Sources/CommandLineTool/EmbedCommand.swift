import ArgumentParser
import Durability
import Encoders
import Images
import JSONTree
import Tensors

/// `byol embed`: representations of pictures, one JSON line each.
struct EmbedCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "embed", abstract: "Print the embeddings of pictures as JSON lines.",
    discussion: """
      byol embed --model FOLDER/checkpoints/STEP/model.safetensors cat.jpg dog.png
      byol embed --model FOLDER/best/model.safetensors PICTURES --output vectors.npy

      Each line is {"file": …, "embedding": […]}: the online encoder's output before the projector, of length 1 \
      unless --no-normalize. The same picture, model and precision give the same bits as over HTTP. A file that cannot be \
      read or decoded gives {"file": …, "error": {"code": …, "detail": …}}, and the exit code 1 at the end.

      With --output, PICTURES is a folder or an archive. vectors.npy has a row of float32 for each picture that can be read, \
      and vectors.items.csv the rows' names, labels and parts; a .csv has all in one. Pictures that cannot be read are listed in \
      vectors.rejected.ndjson, and the exit code is 2. An interrupted command goes on when it is given again.
      """)

  @Option(help: "A model file.")
  var model: String

  @Flag(inversion: .prefixedNo, help: "Scale each embedding to length 1.")
  var normalize = true

  @OptionGroup var engine: EngineOptions

  @Option(
    name: .shortAndLong,
    help: "A file for the vectors of all pictures of a folder or an archive: .npy or .csv.")
  var output: String?

  @Argument(help: "Picture files; with --output one folder or archive.")
  var files: [String]

  mutating func validate() throws {
    guard let output else { return }
    guard files.count == 1 else {
      throw ValidationError("With --output, give one folder or archive of pictures.")
    }
    guard BulkEmbedding.form(of: output) != nil else {
      throw ValidationError(
        "--output \(output): the name must end in .npy or .csv. Parquet is not written: pandas and DuckDB make it of either."
      )
    }
    guard normalize else {
      throw ValidationError(
        "--no-normalize is for single pictures; with --output vectors have length 1.")
    }
  }

  func run() throws {
    if let output {
      return try BulkEmbedding(pictures: files[0], output: output).run(model: model, engine)
    }
    let encoder = try EmbeddingEncoder(modelFile: model, lowering: engine.lowering())
    var failed = false
    for file in files {
      do throws(UnembeddedPicture) {
        print(line(file, try embedding(of: file, encoder)))
      } catch {
        // The other pictures are embedded all the same.
        failed = true
        print(line(file, error))
      }
    }
    if failed { throw ExitCode(1) }
  }

  private func embedding(
    of file: String, _ encoder: EmbeddingEncoder
  ) throws(UnembeddedPicture) -> [Float] {
    do {
      return try encoder.embed(try decode(try DiskFileSystem().read(file)))
    } catch let error as FileSystemError {
      throw UnembeddedPicture(code: "unreadable", detail: "It cannot be read: \(error.reason).")
    } catch let error as ImageError {
      throw UnembeddedPicture(code: error.code.rawValue, detail: error.detail)
    } catch {
      throw UnembeddedPicture(code: "not_embedded", detail: "\(error)")
    }
  }
}

/// A file that has no embedding, and why.
private struct UnembeddedPicture: Error {
  /// A word for programs.
  let code: String
  /// A sentence.
  let detail: String
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

  private func line(_ file: String, _ error: UnembeddedPicture) -> String {
    let fields = [("code", error.code), ("detail", error.detail)]
    let members = fields.map { "\"\($0.0)\":\(quoted($0.1))" }
    return "{\"file\":\(quoted(file)),\"error\":{\(members.joined(separator: ","))}}"
  }
}
