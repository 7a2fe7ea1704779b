import Checkpoints
import Durability
import EmbeddingService
import Encoders
import HTTP
import ONNX
import Threads

/// Checkpoints' models as ONNX files, each made when it is first asked for and kept beside its model: it goes where
/// the checkpoint goes.
///
/// They are made one at a time, on a thread that does nothing else, so that all requests together take the memory of one
/// export: twice the weights.
actor ONNXFiles {
  /// A file's name, by whether it takes bytes and normalises them itself.
  static let (pictures, pixels) = ("model.onnx", "model-with-preprocessing.onnx")
  /// All names.
  static let names = [pictures, pixels]

  private let executor = ThreadExecutor(name: "onnx")
  private let fileSystem: any FileSystem

  nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  init(fileSystem: any FileSystem = DiskFileSystem()) { self.fileSystem = fileSystem }

  /// The file of a name in a checkpoint's folder, made where it is not there yet. `title` is what the log calls the model.
  ///
  /// - Throws: `HTTPError` 404 where there is no such checkpoint, or it is removed meanwhile; `APIError` 404 where the model has no
  ///   ONNX file; `EmbeddingServiceError.modelNotLoadable`; `FileSystemError` where the file cannot be written;
  ///   `CancellationError`.
  func file(_ name: String, of title: String, inCheckpoint folder: String) throws -> OpenFile {
    let path = folder + "/" + name
    if let file = try? OpenFile(path: path) { return file }
    // Whoever asked may have left while others' files were made.
    try Task.checkCancellation()
    let model = folder + "/" + CheckpointFolder.modelFileName
    _ = try OpenFile(path: model)
    do {
      let contents = try EncoderModel.onnx(reading: model, takesPixels: name == Self.pixels)
      try contents.write(to: path, fileSystem: fileSystem)
    } catch  where !fileSystem.isDirectory(folder) {
      throw HTTPError.notFound
    } catch let error as ONNXError {
      throw APIError(.notFound, "\(error)")
    } catch let error as FileSystemError {
      throw error
    } catch {
      throw EmbeddingServiceError.modelNotLoadable(name: title, reason: "\(error)")
    }
    return try OpenFile(path: path)
  }
}
