import ArgumentParser
import Checkpoints
import Durability
import Encoders
import Foundation
import ONNX

/// `byol export`: a model as an ONNX file.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write a model as an ONNX file, for other runtimes.",
    discussion: """
      byol export --model FOLDER/checkpoints/STEP/model.safetensors --output model.onnx

      The file takes pictures [N, C, S, S], resized, cropped and normalised as its metadata says, and gives embedding \
      and embedding_normalized, [N, D], in float32. With --preprocessing it takes their bytes [N, S, S, C] and normalises \
      them itself. It needs no more than ONNX Runtime 1.17 or OpenVINO; docs/models.md has the code.
      """)

  @Option(help: "A model file.")
  var model: String

  @Option(name: [.short, .long], help: "The ONNX file to write.")
  var output: String

  @Flag(help: "Take bytes and normalise them in the graph; resizing and cropping stay outside.")
  var preprocessing = false

  @Flag(help: "Replace a file that is there.")
  var force = false

  func run() throws {
    let exists = FileManager.default.fileExists(atPath: output)
    guard !exists || (force && !DiskFileSystem().isDirectory(output)) else {
      throw refusal(
        DiskFileSystem().isDirectory(output)
          ? "--output \(output) is a folder." : "--output \(output) exists; --force replaces it.")
    }
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
}
