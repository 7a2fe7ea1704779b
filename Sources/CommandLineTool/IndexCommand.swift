import ArgumentParser
import Datasets
import Durability
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
      """)

  @Argument(help: "A folder, or a tar, tar.gz, tar.zst or zip file, of pictures.")
  var pictures: String

  @Option(help: "A model file.")
  var model: String

  @Option(name: .shortAndLong, help: "The folder of the index; made, or replaced where it is one.")
  var output: String

  @OptionGroup var engine: EngineOptions

  func run() throws {
    let target = try IndexTarget(output)
    let manifest = try target.build(pictures: pictures, model: model, engine)
    say(
      "\(output): \(manifest.items) pictures, \(manifest.dimension) components each"
        + (manifest.reused > 0 ? ", \(manifest.reused) taken over from before." : "."))
    if manifest.rejected > 0 { throw ExitCode(2) }
  }
}

/// The folder that an index is made in.
struct IndexTarget {
  let path: String

  /// - Throws: an exit code, after a sentence, where something else is there.
  init(_ path: String) throws {
    self.path = path
    let exists = FileManager.default.fileExists(atPath: path)
    guard !exists || FileManager.default.fileExists(atPath: path + "/" + IndexFile.manifest) else {
      throw refusal("\(path) is there and is no index; choose another place.")
    }
  }

  /// Makes the index, tells how far it is, and lists the first pictures that were rejected.
  ///
  /// - Throws: an exit code, after a sentence.
  func build(pictures: String, model: String, _ engine: EngineOptions) throws -> IndexManifest {
    let parent = URL(filePath: path).deletingLastPathComponent()
    try? FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
    let lock = try lock()
    defer { lock.release() }
    let loader = encoderLoader(
      engine: engine.engine, threads: ThreadBudget(1), precision: try engine.resolvedPrecision)
    let progress = BuildProgress()
    let stop = StopRequest(watchingInput: false)
    do {
      let source = try FilePictures(try DatasetSource(path: pictures))
      var build = IndexBuild(
        directory: path, modelFile: model, modelName: model,
        sourceName: URL(filePath: pictures).standardizedFileURL.path)
      build.workers = engine.budget.count
      build.earlier = [path]
      build.progress = progress.show
      build.isAskedToStop = { stop.isAsked }
      let manifest = try build.run(source, loader: loader)
      progress.end()
      try tellRejections()
      return manifest
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
      if let lock = try FileLock(path: path + ".lock") { return lock }
    } catch {
      throw refusal("\(path) cannot be written: \(error.reason).", code: .failure)
    }
    throw refusal("Another command is making \(path); wait until it ends.", code: .failure)
  }

  private func tellRejections() throws {
    let rejected = try VectorIndex(directory: path).rejectedPictures()
    guard !rejected.isEmpty else { return }
    say("\(rejected.count) \(rejected.count == 1 ? "picture" : "pictures") could not be embedded:")
    for picture in rejected.prefix(10) {
      say("  \(picture.name): \(picture.code): \(picture.detail)")
    }
    if rejected.count > 10 { say("  … and \(rejected.count - 10) more.") }
  }
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
