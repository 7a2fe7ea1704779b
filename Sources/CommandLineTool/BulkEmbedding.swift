import ArgumentParser
import Durability
import Foundation
import Retrieval

/// The vectors of all pictures of a folder or an archive, in a file of NumPy's or of comma-separated values.
///
/// They are computed into a folder beside the file, so that an interrupted command goes on; it is gone when the file is whole.
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
    guard !fileSystem.isDirectory(output) else {
      throw refusal("--output \(output) is a folder; give the name of a file.")
    }
    let work = VectorWork(path: output, pictures: pictures, model: model, engine: engine)
    let found = try work.run { (build, source, loader) throws(IndexError) in
      try build.vectors(of: source, loader: loader) { (found) throws(FileSystemError) in
        try write(found, form)
      }
    }
    tellRejections(found.rejected)
    say("\(output): \(found.listing.count) vectors of \(found.listing.dimension) components.")
    if !found.rejected.isEmpty { throw ExitCode(2) }
  }

  /// Writes the lists first: where the vectors are, all is.
  private func write(_ found: EmbeddedPictures, _ form: IndexExport) throws(FileSystemError) {
    let stem = (output as NSString).deletingPathExtension
    let list = stem + ".rejected.ndjson"
    if found.rejected.isEmpty {
      // One from an earlier time would speak of these vectors.
      try fileSystem.removeAll(list)
    } else {
      try fileSystem.replaceFile(list, with: found.rejectedLines)
    }
    guard form == .npy else { return try found.listing.write(form, to: output) }
    try found.listing.write(.items, to: stem + ".items.csv")
    // The file is as NumPy reads it already, on the same disk.
    try fileSystem.rename(found.vectorFile, to: output)
    try fileSystem.synchronizeDirectory(ofEntry: output)
  }
}
