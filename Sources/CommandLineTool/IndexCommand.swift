public import ArgumentParser
import Datasets
import Durability
import EmbeddingService
import Foundation
import Retrieval
import Tensors

/// `byol index`: an index of the pictures of a folder or an archive.
struct IndexCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "index", abstract: "Make an index of pictures, for `byol search`.",
    discussion: """
      byol index PICTURES --model FOLDER/best/model.safetensors --output INDEX

      Each picture that can be read has a vector in INDEX/vectors.npy; those that cannot are listed in \
      INDEX/rejected.ndjson, and the exit code is 2 then. An interrupted command goes on where it was when it is given again. \
      Given again when pictures have come or gone, it computes the new ones only and replaces the index in one step.

      --storage float16 takes half the room for vectors; a search is then exact over the rounded vectors, whose scores \
      differ from those of float32 in the fourth digit.
      """)

  @Argument(help: "A folder, or a tar, tar.gz, tar.zst or zip file, of pictures.")
  var pictures: String

  @Option(help: "A model file.")
  var model: String

  @Option(name: .shortAndLong, help: "The folder of the index; made, or replaced where it is one.")
  var output: String

  @Option(help: "How vectors are stored: float32 or float16.")
  var storage = VectorStorage.float32

  @OptionGroup var engine: EngineOptions

  func run() throws {
    let exists = FileManager.default.fileExists(atPath: output)
    guard !exists || FileManager.default.fileExists(atPath: output + "/" + IndexFile.manifest)
    else {
      throw refusal("\(output) is there and is no index; choose another place.")
    }
    let work = VectorWork(path: output, pictures: pictures, model: model, engine: engine)
    let manifest = try work.run { (build, source, loader) throws(IndexError) in
      var build = build
      build.earlier = [output]
      build.storage = storage
      return try build.run(source, loader: loader)
    }
    tellRejections(try VectorIndex(directory: output).rejectedPictures())
    say(
      "\(output): \(manifest.items) pictures, \(manifest.dimension) components each"
        + (manifest.reused > 0 ? ", \(manifest.reused) taken over from before." : "."))
    if manifest.rejected > 0 { throw ExitCode(2) }
  }
}

extension VectorStorage: ExpressibleByArgument {}

/// The embedding of all pictures of a folder or an archive, on a terminal: with a lock, with what shows how far it is, and with
/// errors as sentences.
struct VectorWork {
  /// What is made: an index or a file.
  let path: String
  let pictures: String
  let model: String
  let engine: EngineOptions

  /// Runs `make` with a build of `path`, its pictures, and what opens models.
  ///
  /// - Throws: an exit code, after a sentence.
  func run<Result>(
    _ make: (IndexBuild, FilePictures, EncoderLoader) throws(IndexError) -> Result
  ) throws -> Result {
    let parent = URL(filePath: path).deletingLastPathComponent()
    try? FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
    let lock = try lock()
    defer { lock.release() }
    let loader = encoderLoader(
      engine: engine.engine, threads: ThreadBudget(1), precision: try engine.resolvedPrecision)
    let progress = BuildProgress()
    let stop = StopRequest(watchingInput: false)
    defer { progress.end() }
    do {
      let source = try FilePictures(try DatasetSource(path: pictures))
      var build = IndexBuild(
        directory: path, modelFile: model, modelName: model,
        sourceName: URL(filePath: pictures).standardizedFileURL.path)
      build.workers = engine.budget.count
      build.progress = progress.show
      build.isAskedToStop = { stop.isAsked }
      return try make(build, source, loader)
    } catch IndexError.interrupted {
      progress.end()
      say("Stopped; the same command goes on.")
      throw ExitCode(130)
    } catch let error as AdmissionError {
      throw refusal("\(pictures): \(error)", code: .failure)
    } catch let error as IndexError {
      progress.end()
      throw refusal("\(error)", code: .failure)
    }
  }

  private func lock() throws -> FileLock {
    do throws(FileSystemError) {
      if let lock = try FileLock(path: path + ".lock", isTemporary: true) { return lock }
    } catch {
      throw refusal("\(path) cannot be written: \(error.reason).", code: .failure)
    }
    throw refusal("Another command is making \(path); wait until it ends.", code: .failure)
  }
}

/// Lists the first pictures that were rejected.
func tellRejections(_ rejected: [RejectedPicture]) {
  guard !rejected.isEmpty else { return }
  say("\(rejected.count) \(rejected.count == 1 ? "picture" : "pictures") could not be embedded:")
  for picture in rejected.prefix(10) {
    say("  \(picture.name): \(picture.code): \(picture.detail)")
  }
  if rejected.count > 10 { say("  … and \(rejected.count - 10) more.") }
}

/// Shows how far the making of an index is: a line that is written over on a terminal, a line every ten seconds elsewhere.
final class BuildProgress {
  private let isTerminal = isatty(STDERR_FILENO) != 0
  private let began = monotonicSeconds()
  private var shownAt = -Double.infinity
  private var first: Int?
  private var wasShown = false

  func show(_ progress: IndexProgress) {
    let now = monotonicSeconds()
    let first = first ?? progress.done
    self.first = first
    guard now - shownAt >= (isTerminal ? 0.2 : 10), progress.done > first else { return }
    shownAt = now
    let speed = Double(progress.done - first) / max(now - began, 1e-3)
    let total = progress.total.map { "/\($0)" } ?? ""
    let rejected = progress.rejected > 0 ? ", \(progress.rejected) rejected" : ""
    let line = "\(progress.done)\(total) pictures\(rejected), \(Int(speed)) per second"
    if isTerminal {
      writeOver(line)
      wasShown = true
    } else {
      say(line)
    }
  }

  func end() {
    if wasShown { say("") }
    wasShown = false
  }
}
