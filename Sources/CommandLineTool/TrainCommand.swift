import ArgumentParser
import Checkpoints
import Datasets
import Durability
import Foundation
import NeuralNetworks
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
      with the same folder, it goes on from the newest checkpoint, with the pictures and the recipe of the first start; \
      a flag that contradicts that recipe is refused. The first interrupt (Ctrl-C) or SIGTERM \
      writes a checkpoint and stops; a second one ends it at once.

      Everything not given is chosen from the pictures and the machine; the service's runs take the same \
      defaults and give the same result.

      \(RecipeOptions.help)
      """)

  @Option(
    help:
      "A folder, or a tar, tar.gz, tar.zst or zip file, of pictures; the last folder is the label.")
  var pictures: String?

  @Option(help: "The folder of the run; made if it is missing.")
  var output: String?

  @Option(
    help:
      "Begin with the encoder of this model file, or of a safetensors file with torchvision's names, instead of at random."
  )
  var initFrom: String?

  @OptionGroup var recipe: RecipeOptions

  @Option(help: "What computes; reference is slow, for comparisons.")
  var engine = EngineChoice()

  @Option(help: "Threads; default: one per processor.")
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

  @OptionGroup var confinement: ConfinedWorker

  mutating func validate() throws {
    if let niceness, !RunResourceLimits.niceness.contains(niceness) {
      throw ValidationError("--niceness must be \(RunResourceLimits.niceness).")
    }
    if let threads, !(1...4096).contains(threads) {
      throw ValidationError("--threads must be 1…4096.")
    }
    let isWorker = runDirectory != nil && pack != nil
    guard isWorker || (pictures != nil && output != nil) else {
      throw ValidationError(
        "--pictures and --output are both needed: what to learn from, and the folder of the run.")
    }
  }

  func run() throws {
    if let runDirectory, let pack {
      throw ExitCode(work(runDirectory: runDirectory, pack: pack))
    }
    guard let pictures, let output else { return }
    // Before anything is made: the flags' values, so that a mistake leaves nothing behind.
    let request = try recipe.request()
    try train(pictures: pictures, output: output, request)
  }

  func lowering(_ recipe: Recipe) -> any Lowering {
    engine.engine.lowering(threads: Machine.threads(threads), precision: recipe.precision)
  }
}

/// Writes one line for people to standard error.
func say(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }
