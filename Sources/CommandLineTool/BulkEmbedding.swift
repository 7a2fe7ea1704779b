import ArgumentParser
import Durability
import Foundation
import Retrieval

/// The vectors of all pictures of a folder or an archive, in a file of NumPy's or of comma-separated values.
///
/// They are computed as an index, in a folder beside the file, so that an interrupted command goes on; the folder is removed
/// when the file is whole.
struct BulkEmbedding {
  let pictures: String
  let output: String
  private let fileSystem = DiskFileSystem()

  init(pictures: String, output: String) {
    self.pictures = pictures
    self.output = output
  }

  /// What a file's name asks for; nil where it is neither.
  static func form(of path: String) -> IndexExport? {
    switch (path as NSString).pathExtension.lowercased() {
    case "npy": .npy
    case "csv": .csv
    default: nil
    }
  }

  /// Embeds and writes.
  ///
  /// - Throws: an exit code, after a sentence: 2 where some pictures could not be embedded.
  func run(model: String, _ engine: EngineOptions) throws {
    guard let form = Self.form(of: output) else { return }
    let working = output + ".index"
    let manifest = try IndexTarget(working).build(pictures: pictures, model: model, engine)
    let stem = (output as NSString).deletingPathExtension
    do {
      let index = try VectorIndex(directory: working)
      try index.write(form, to: output)
      if form == .npy { try index.write(.items, to: stem + ".items.csv") }
      if manifest.rejected > 0 {
        try fileSystem.replaceFile(
          stem + ".rejected.ndjson",
          with: try fileSystem.read(working + "/" + IndexFile.rejected))
      }
      try fileSystem.removeAll(working)
      try fileSystem.remove(working + ".lock")
    } catch let error as FileSystemError {
      throw refusal("\(output) cannot be written: \(error.reason).", code: .failure)
    }
    say("\(output): \(manifest.items) vectors of \(manifest.dimension) components.")
    if manifest.rejected > 0 { throw ExitCode(2) }
  }
}
