import ArgumentParser
import Checkpoints
import Datasets
import Durability
import Foundation
import NeuralNetworks
import OneDNNLowering
import Recipes
import Runs
import TensorGraph
import Tensors
import Training

/// `byol train`: one run, for people on a terminal or, with `--run-directory`, as the service's worker.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train an encoder on a folder or an archive of pictures.",
    discussion: """
      byol train --pictures PICTURES --output FOLDER admits the pictures into FOLDER/dataset, trains and writes \
      FOLDER/checkpoints/STEP/model.safetensors, which `byol embed` and torchvision read. Started again \
      with the same folder, it goes on from the newest checkpoint. The first interrupt (Ctrl-C) or SIGTERM \
      writes a checkpoint and stops; a second one ends it at once.

      Everything not given is chosen from the pictures and the machine; the service's runs take the same \
      defaults and give the same result.
      """)

  @Option(
    help:
      "A folder, or a tar, tar.gz, tar.zst or zip file, of pictures; the last folder is the label.")
  var pictures: String?

  @Option(help: "The folder of the run; made if it is missing.")
  var output: String?

  @OptionGroup(title: "Recipe") var recipe: RecipeOptions

  @Option(help: "Threads; default: one a processor.")
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "A run directory of the service: reports JSON lines, stops at the end of input.",
      visibility: .hidden))
  var runDirectory: String?

  @Option(help: ArgumentHelp("The pack of the run.", visibility: .hidden))
  var pack: String?

  @Flag(
    help: ArgumentHelp(
      "As the service's worker: only measure how fast the run would be.", visibility: .hidden))
  var measure = false

  @Option(
    help: ArgumentHelp(
      "As a worker behind a launcher: the process's niceness, 0…19.", visibility: .hidden))
  var niceness: Int?

  @Option(
    help: ArgumentHelp(
      "As a worker behind a launcher: bytes of memory that it may hold.", visibility: .hidden))
  var memoryBytes: Int?

  mutating func validate() throws {
    if let niceness, !RunResourceLimits.niceness.contains(niceness) {
      throw ValidationError("--niceness must be \(RunResourceLimits.niceness).")
    }
    if let threads, !(1...4096).contains(threads) {
      throw ValidationError("--threads must be 1…4096.")
    }
    let isWorker = runDirectory != nil && pack != nil
    guard isWorker || (pictures != nil && output != nil) else {
      throw ValidationError("Say --pictures and --output; `byol train --help` tells more.")
    }
  }

  func run() throws {
    if let runDirectory, let pack {
      throw ExitCode(work(runDirectory: runDirectory, pack: pack))
    }
    guard let pictures, let output else { return }
    try train(pictures: pictures, output: output)
  }

  private func lowering(_ recipe: Recipe) -> OneDNNLowering {
    OneDNNLowering(threads: Machine.threads(threads), precision: recipe.precision)
  }
}

// MARK: The service's worker

extension TrainCommand {
  /// The worker's side of the protocol; see `WorkerReport`. Returns the exit code.
  private func work(runDirectory: String, pack: String) -> Int32 {
    if let niceness { giveNiceness(niceness) }
    let stop = StopRequest(watchingInput: true)
    let output = ReportOutput()
    do {
      let bytes = try DiskFileSystem().read(runDirectory + "/recipe.json")
      let recipe = try Recipe(decoding: bytes)
      var worker = TrainingWorker(
        recipe: recipe, runDirectory: runDirectory,
        runName: URL(filePath: runDirectory).lastPathComponent,
        threads: Machine.threads(threads), lowering: lowering(recipe))
      worker.memoryByteLimit = memoryBytes
      let pack = try Pack(directory: pack)
      if measure {
        try worker.measure(
          pack: pack, isAskedToStop: { stop.isAsked }, peakMemory: peakMemoryByteCount,
          report: output.write)
      } else {
        try worker.run(pack: pack, isAskedToStop: { stop.isAsked }, report: output.write)
      }
      return WorkerReport.exitFinished
    } catch let error as CheckpointError where error.mayPass {
      // The disk may have room again: a crash, so that the coordinator tries once more.
      FileHandle.standardError.write(Data("\(error)\n".utf8))
      return EXIT_FAILURE
    } catch {
      output.write(.failed(RunReason(code: failureCode(error), detail: "\(error)")))
      return WorkerReport.exitFailed
    }
  }

  /// Linux keeps it by thread: that of this thread is inherited by those it makes, that of the first is shown of the
  /// process. A system that does not let us is as it was.
  private func giveNiceness(_ niceness: Int) {
    for thread in [0, id_t(getpid())] {
      setpriority(__priority_which_t(PRIO_PROCESS.rawValue), thread, Int32(niceness))
    }
  }

  private func failureCode(_ error: any Error) -> String {
    switch error {
    case TrainingError.lossNotFinite: "loss_not_finite"
    case TrainingError.engine(LoweringError.outOfMemory(_, _)), is MemoryLimitExceeded:
      "out_of_memory"
    case is TrainingError: "engine"
    case is PackError: "dataset_unreadable"
    case is CheckpointError: "checkpoint"
    case is RecipeFileError: "recipe_unreadable"
    default: "internal"
    }
  }
}

extension CheckpointError {
  /// Whether trying again later may work.
  fileprivate var mayPass: Bool {
    if case .fileSystem = self { true } else { false }
  }
}

/// Writes reports to standard output, each with one call; one that cannot be written is dropped.
private struct ReportOutput {
  func write(_ report: WorkerReport) {
    let line = report.line
    unsafe line.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      _ = unsafe Foundation.write(STDOUT_FILENO, base, bytes.count)
    }
  }
}

// MARK: On a terminal

extension TrainCommand {
  private func train(pictures: String, output: String) throws {
    try FileManager.default.createDirectory(
      atPath: output, withIntermediateDirectories: true)
    let packDirectory = output + "/dataset"
    if !FileManager.default.fileExists(atPath: packDirectory) {
      let report = try admit(
        source: try DatasetSource(path: pictures), into: packDirectory,
        threads: Machine.threads(threads).count,
        progress: { if $0.entries % 4096 == 0 { say($0.sentence) } })
      report.sentences.forEach(say)
    }
    let pack = try Pack(directory: packDirectory)
    let frozen = try frozenRecipe(pack, path: output + "/recipe.json")
    say(frozen.sentence)
    let progress = TerminalProgress(recipe: frozen)
    let worker = TrainingWorker(
      recipe: frozen, runDirectory: output, runName: URL(filePath: output).lastPathComponent,
      threads: Machine.threads(threads), lowering: lowering(frozen))
    let stop = StopRequest(watchingInput: false)
    try worker.run(pack: pack, isAskedToStop: { stop.isAsked }, report: progress.show)
  }

  /// The recipe of an earlier start of this folder, or a new one, which is then kept.
  private func frozenRecipe(_ pack: Pack, path: String) throws -> Recipe {
    let fileSystem = DiskFileSystem()
    if FileManager.default.fileExists(atPath: path) {
      guard recipe.isEmpty else {
        throw ValidationError(
          "\(path) exists: the run goes on with it, and takes no new settings.")
      }
      return try Recipe(decoding: fileSystem.read(path))
    }
    do {
      let resolved = try recipe.request().resolve(
        dataset: DatasetSize(trainingPicturesOf: pack),
        machine: Machine.size(Machine.threads(threads)))
      resolved.warnings.forEach(say)
      try fileSystem.replaceFile(path, with: resolved.recipe.encoded)
      return resolved.recipe
    } catch let problems as RecipeProblems {
      throw ValidationError(problems.sentences)
    }
  }
}

/// Writes one line for people to standard error.
func say(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }
