import Checkpoints
import Durability
import EmbeddingService
import Encoders
import Foundation
import Images
import NeuralNetworks
import Recipes
import Threads

/// What a model file says of itself.
struct ModelFacts: Sendable {
  var architecture: EncoderConfiguration.Architecture
  var dimension: Int
  var inputSize: Int
  var fingerprint: String
  var byteCount: Int
}

/// Reads, checks and writes model files, one after the other, on a thread of its own.
actor ImportDesk {
  private let loader: EncoderLoader
  private let fileSystem: any FileSystem
  private let executor = ThreadExecutor(name: "models")

  nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  init(loader: EncoderLoader, fileSystem: any FileSystem) {
    (self.loader, self.fileSystem) = (loader, fileSystem)
  }

  /// Opens and compiles a model, so that nobody is given one that does not work.
  ///
  /// - Throws: `EmbeddingServiceError.modelNotLoadable`.
  func facts(
    of file: ModelFile, _ architecture: EncoderConfiguration.Architecture
  ) throws(EmbeddingServiceError) -> ModelFacts {
    do {
      let opened = try loader.open(file.path)
      _ = try opened.makeEncoder()
      let size = try FileManager.default.attributesOfItem(atPath: file.path)[.size] as? NSNumber
      return ModelFacts(
        architecture: architecture, dimension: opened.dimension,
        inputSize: opened.inputSize, fingerprint: opened.fingerprint,
        byteCount: size?.intValue ?? 0)
    } catch {
      throw .modelNotLoadable(name: file.name, reason: "\(error)")
    }
  }

  /// Writes the model file of one that was sent, and opens it.
  ///
  /// - Throws: `ModelLibraryError.rejected`; `FileSystemError`.
  func convert(
    _ sent: String, to path: String, _ description: ModelDescription
  ) throws -> ModelFacts {
    let model = try model(of: sent, description)
    do throws(CheckpointError) {
      try model.safetensors.write(to: path, fileSystem: fileSystem)
    } catch .fileSystem(let error) { throw error }
    do {
      return try facts(
        of: ModelFile(name: description.name, path: path), model.encoder.architecture)
    } catch {
      throw ModelLibraryError.rejected("The model does not compile: \(error).")
    }
  }

  private func model(of path: String, _ description: ModelDescription) throws -> EncoderModel {
    do {
      let file = try Safetensors(reading: path, requiresDigest: false, fileSystem: fileSystem)
      guard file.metadata["byol.format"] == nil else {
        guard description.imageSize == nil, description.mean == nil, description.deviation == nil
        else {
          throw ModelLibraryError.rejected(
            "The file says its image_size, mean and deviation itself; they cannot be given.")
        }
        return try EncoderModel(file)
      }
      return try EncoderModel(
        foreign: file, imageSize: description.imageSize,
        normalization: normalization(description))
    } catch let error as ForeignModelError {
      throw ModelLibraryError.rejected(
        error.description, tensors: error.tensors.map { ModelLibraryError.Fault($0.name, $0.fault) }
      )
    } catch let error as EncoderModelError {
      throw ModelLibraryError.rejected(error.description)
    } catch CheckpointError.malformedHeader(_, let reason) {
      throw ModelLibraryError.rejected("It is no safetensors file: \(reason).")
    } catch CheckpointError.wrongSize(_, let expected, let found) {
      throw ModelLibraryError.rejected(
        "It is no whole safetensors file: it has \(found) bytes, and its header asks for \(expected)."
      )
    } catch CheckpointError.digestMismatch {
      throw ModelLibraryError.rejected("It is damaged: its digest differs.")
    }
  }

  private func normalization(_ description: ModelDescription) -> Normalization? {
    guard description.mean != nil || description.deviation != nil else { return nil }
    var normalization = Normalization()
    if let mean = description.mean { normalization.mean = mean }
    if let deviation = description.deviation { normalization.deviation = deviation }
    return normalization
  }
}

extension ModelLibraryError.Fault {
  fileprivate init(_ name: String, _ fault: ForeignModelError.Fault) {
    let code =
      switch fault {
      case .missing: "missing"
      case .unknown: "unknown_field"
      case .shape: "out_of_range"
      }
    self.init(tensor: name, code: code, detail: "The tensor \(fault.description).")
  }
}
