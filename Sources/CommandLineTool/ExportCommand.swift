public import ArgumentParser
import Checkpoints
import Durability
import Encoders
import Foundation
import ONNX
import Retrieval

/// `byol export`: a model as an ONNX file, or the vectors of an index as another program takes them.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write a model as an ONNX file, or an index's vectors for another program.",
    discussion: """
      byol export --model FOLDER/checkpoints/STEP/model.safetensors --output model.onnx

      The file takes pictures [N, C, S, S], resized, cropped and normalised as its metadata says, and gives embedding \
      and embedding_normalized, [N, D], in float32. With --preprocessing it takes their bytes [N, S, S, C] and normalises \
      them itself. It needs no more than ONNX Runtime 1.17 or OpenVINO; docs/models.md has the code.

      byol export --index INDEX --format qdrant --output points.ndjson

      writes the vectors of an index, with names, labels and parts: npy and items (two files, row by row), csv (both in \
      one), qdrant (a point per line), pgvector (for PostgreSQL's COPY), projector-vectors and projector-metadata \
      (TensorFlow's projector). docs/retrieval.md says how each is read.
      """)

  @Option(help: "A model file.")
  var model: String?

  @Option(help: "The folder of an index.")
  var index: String?

  @Option(
    help:
      "The form of an index's vectors: \(IndexExport.allCases.map(\.rawValue).joined(separator: ", "))."
  )
  var format: IndexExport?

  @Option(name: [.short, .long], help: "The file to write.")
  var output: String

  @Flag(help: "Take bytes and normalise them in the graph; resizing and cropping stay outside.")
  var preprocessing = false

  @Flag(help: "Replace a file that is there.")
  var force = false

  mutating func validate() throws {
    guard (model == nil) != (index == nil) else {
      throw ValidationError("Give --model for an ONNX file, or --index for vectors.")
    }
    guard (index == nil) == (format == nil) else {
      throw ValidationError("--index and --format go together.")
    }
    guard index == nil || !preprocessing else {
      throw ValidationError("--preprocessing is for --model.")
    }
  }

  func run() throws {
    let exists = FileManager.default.fileExists(atPath: output)
    guard !exists || (force && !DiskFileSystem().isDirectory(output)) else {
      throw refusal(
        DiskFileSystem().isDirectory(output)
          ? "--output \(output) is a folder." : "--output \(output) exists; --force replaces it.")
    }
    if let index, let format { return try export(index: index, format) }
    guard let model else { return }
    let file: ONNXModel
    do {
      file = try EncoderModel.onnx(reading: model, takesPixels: preprocessing)
    } catch {
      throw refusal("--model \(model): \(error)", code: .failure)
    }
    do throws(FileSystemError) {
      try file.write(to: output)
    } catch {
      throw refusal("--output \(output) cannot be written: \(error.reason).", code: .failure)
    }
    say("\(output): \(file.byteCount) bytes.")
  }

  private func export(index path: String, _ form: IndexExport) throws {
    do {
      let index = try VectorIndex(directory: path)
      try index.write(form, to: output)
      say("\(output): \(index.count) items of \(index.dimension) components.")
    } catch let error as IndexError {
      throw refusal("--index \(path): \(error)", code: .failure)
    } catch let error as FileSystemError {
      throw refusal("--output \(output) cannot be written: \(error.reason).", code: .failure)
    }
  }
}

extension IndexExport: ExpressibleByArgument {}
