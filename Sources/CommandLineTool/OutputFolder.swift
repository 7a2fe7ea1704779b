import ArgumentParser
import Checkpoints
import Durability
import Foundation
import JSONTree
import Recipes
import Training

/// The folder of a run on a terminal: `dataset/`, `recipe.json`, `pictures.json`, `initial.safetensors`, `checkpoints/`,
/// `best/`.
struct OutputFolder {
  let path: String
  var fileSystem: any FileSystem = DiskFileSystem()

  var packPath: String { path + "/dataset" }
  private var recipePath: String { path + "/recipe.json" }
  private var notePath: String { path + "/pictures.json" }
  private var lockPath: String { path + "/training.lock" }

  var hasPack: Bool { fileSystem.isDirectory(packPath) }

  /// Makes the folder and those above it that are missing.
  ///
  /// - Throws: an exit code, after a sentence.
  func make() throws {
    // A link to a folder is one to write into, and no folder to `isDirectory` of the file system.
    let url = URL(filePath: path).resolvingSymlinksInPath()
    let exists = FileManager.default.fileExists(atPath: path)
    let isFolder = (try? url.resourceValues(forKeys: [.isDirectoryKey]).isDirectory) ?? false
    guard !exists || isFolder else {
      throw refusal("--output \(path) is a file; it must be a folder, or not exist.")
    }
    guard !exists else { return }
    try writing {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
  }

  /// The lock of whoever trains in the folder.
  ///
  /// - Throws: an exit code, after a sentence, where another process holds it or the folder cannot be written.
  func lock() throws -> FileLock {
    let lock = try writing { try FileLock(path: lockPath) }
    guard let lock else {
      // The service's workers leave no number: one that is there may be of a process that has ended.
      let noted = FileLock.notedProcess(path: lockPath).flatMap { kill($0, 0) == 0 ? $0 : nil }
      let holder = noted.map { " (process \($0))" } ?? ""
      throw refusal(
        "Another `byol train`\(holder) is training in \(path); wait until it ends, or choose another --output.",
        code: .failure)
    }
    lock.note(process: getpid())
    return lock
  }

  /// Runs `body`, which writes into the folder.
  private func writing<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch {
      let reason =
        (error as? FileSystemError)?.reason ?? (error as? CocoaError).flatMap(underlyingReason)
      throw refusal(
        "--output \(path) cannot be written: \(reason ?? "\(error)").", code: .failure)
    }
  }

  private func underlyingReason(_ error: CocoaError) -> String? {
    guard let code = (error.underlying as? POSIXError)?.code.rawValue else {
      return error.localizedDescription
    }
    return FileSystemError(operation: "make", path: path, code: code).reason
  }
}

// MARK: The recipe

extension OutputFolder {
  /// The recipe of an earlier start, or a new one, which is then kept.
  ///
  /// A recipe is frozen from the first checkpoint on. Before it there is nothing that another recipe would spoil, and a
  /// start that failed for its recipe must not keep the corrected line from starting.
  /// - Throws: an exit code, after a sentence, for a request that contradicts a frozen recipe or cannot be resolved, and
  ///   for a stored recipe that cannot be used.
  func recipe(_ request: RecipeRequest, resolve: (RecipeRequest) throws -> Recipe) throws -> Recipe
  {
    let stored = try storedRecipe(request)
    if let stored {
      let contradictions = request.contradictions(to: stored)
      if contradictions.isEmpty { return stored }
      guard !hasCheckpoint else { throw refusal(sentence(contradictions, stored)) }
      say("\(path) has a recipe and no checkpoint yet: the run starts anew, with the flags of now.")
    }
    do {
      let recipe = try resolve(request)
      try writing { try fileSystem.replaceFile(recipePath, with: recipe.encoded) }
      return recipe
    } catch let problems as RecipeProblems {
      throw refusal(problems.sentences)
    }
  }

  /// Keeps the weights that the run begins with beside its recipe; `nil` for random ones.
  ///
  /// - Throws: an exit code, after a sentence, where they do not fit the recipe, or a run that has begun began with others.
  func begin(with file: String?, recipe: Recipe) throws {
    let kept = "\(path)/\(InitialWeights.fileName)"
    guard let file else {
      if !hasCheckpoint { try writing { try fileSystem.removeAll(kept) } }
      return
    }
    let bytes = try Self.weights(file)
    if hasCheckpoint {
      guard let before = try? fileSystem.read(kept), before == bytes else {
        throw refusal(
          "The run in \(path) did not begin with --init-from \(file); leave the flag out, or choose another --output."
        )
      }
      return
    }
    try requireFit(of: file, to: recipe)
    try writing { try fileSystem.replaceFile(kept, with: bytes) }
  }

  /// - Throws: an exit code, after a sentence, where the weights of a file are not those of the recipe's encoder.
  func requireFit(of file: String, to recipe: Recipe) throws {
    do {
      _ = try InitialWeights(Safetensors(reading: file), for: recipe)
    } catch {
      throw refusal("--init-from \(file): \(error)")
    }
  }

  private static func weights(_ file: String) throws -> [UInt8] {
    do throws(FileSystemError) {
      return try DiskFileSystem().read(file)
    } catch {
      throw refusal("--init-from \(file) cannot be read: \(error.reason).")
    }
  }

  private var hasCheckpoint: Bool {
    ((try? fileSystem.names(in: path + "/checkpoints")) ?? []).contains { Int($0) != nil }
  }

  /// nil where there is none, or one that cannot be used and need not be: flags of now replace it before the first
  /// checkpoint.
  private func storedRecipe(_ request: RecipeRequest) throws -> Recipe? {
    guard FileManager.default.fileExists(atPath: recipePath) else { return nil }
    do throws(RecipeFileError) {
      return try Recipe(decoding: try contents(of: recipePath))
    } catch {
      if !hasCheckpoint, !request.isEmpty { return nil }
      let cure = hasCheckpoint ? "" : " Without the file the run starts with a new recipe."
      throw refusal("\(recipePath): \(error)\(cure)")
    }
  }

  private func contents(of path: String) throws(RecipeFileError) -> [UInt8] {
    do throws(FileSystemError) {
      return try fileSystem.read(path)
    } catch {
      throw .malformed(reason: "it cannot be read: \(error.reason)")
    }
  }

  private func sentence(
    _ contradictions: [(field: RecipeField, value: JSONValue)], _ stored: Recipe
  ) -> String {
    let each = contradictions.map { field, value in
      "\(field.flag) \(value.flagText) contradicts its \(field.value(in: stored).flagText)"
    }
    return "The run in \(path) goes on with its own recipe: \(each.joined(separator: ", ")); "
      + "leave these flags out, or choose another --output."
  }
}

extension JSONValue {
  /// The value as a flag takes it.
  fileprivate var flagText: String {
    if let elements = arrayValue { return elements.map(\.flagText).joined(separator: ",") }
    return stringValue ?? description
  }
}

// MARK: Where the pictures came from

extension OutputFolder {
  /// What was noted of the pictures when they were admitted; nil in folders of earlier versions.
  var sourceNote: PictureSourceNote? {
    guard let bytes = try? fileSystem.read(notePath) else { return nil }
    return try? JSONCoding.decode(PictureSourceNote.self, from: bytes)
  }

  /// Keeps what the pictures were when they were admitted.
  func note(_ note: PictureSourceNote) throws {
    try writing { try fileSystem.replaceFile(notePath, with: try JSONCoding.encode(note)) }
  }
}
