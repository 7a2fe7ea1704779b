import ArgumentParser
import Engines
import TensorGraph
import Tensors

/// One of the engines of this build, by name.
struct EngineChoice: ExpressibleByArgument, CustomStringConvertible {
  static var allValueStrings: [String] { Engines.all.map(\.name) }

  /// The engine; at first the usual one.
  var engine = Engines.all[0]

  init() {}

  init?(argument: String) {
    guard let engine = Engines.named(argument) else { return nil }
    self.engine = engine
  }

  var name: String { engine.name }
  var description: String { name }
}

/// A precision, or the engine's fastest.
enum PrecisionChoice: String, ExpressibleByArgument, CaseIterable {
  case auto, float32, bfloat16
}

extension PrecisionChoice {
  /// The precision to compute in.
  ///
  /// - Throws: `ValidationError` where the engine does not compute in it on this machine.
  func resolved(on engine: Engine) throws -> Precision {
    guard let precision = Precision(rawValue: rawValue) else { return engine.bestPrecision }
    guard engine.precisions.contains(precision) else {
      let known = engine.precisions.map(\.rawValue).joined(separator: ", ")
      throw ValidationError(
        "The engine \(engine.name) does not compute in \(precision.rawValue) on this machine; take auto or \(known)."
      )
    }
    return precision
  }
}

/// How the engine computes.
struct EngineOptions: ParsableArguments {
  @Option(name: .customLong("engine"), help: "What computes; reference is slow, for comparisons.")
  var choice = EngineChoice()

  @Option(
    help: ArgumentHelp(
      "Compute as on a processor of a lower family (\(Engines.processors.joined(separator: ", "))), with our kernels and oneDNN's, "
        + "to measure what other machines get; default: this one's.", valueName: "family"))
  var processor: String?

  @Option(help: "auto (bfloat16 where the processor multiplies it), float32 or bfloat16.")
  var precision = PrecisionChoice.auto

  @Option(help: "Threads; default: one per processor.")
  var threads: Int?

  mutating func validate() throws {
    if let threads, !(1...4096).contains(threads) {
      throw ValidationError("--threads must be 1…4096.")
    }
    guard let processor else { return }
    guard Engines.processors.contains(processor) else {
      throw ValidationError(
        "--processor: \(processor) was given; allowed: \(Engines.processors.joined(separator: ", "))."
      )
    }
    do { try Engines.limitProcess(to: processor) } catch { throw ValidationError("\(error)") }
  }

  /// What computes, with the precisions of the processor that the process is limited to.
  var engine: Engine { Engines.named(choice.name) ?? choice.engine }

  /// The threads to compute on.
  var budget: ThreadBudget { Machine.threads(threads) }

  /// The number of threads for people.
  var threadsInWords: String { inWords(threads: budget.count) }

  /// The precision asked for.
  ///
  /// - Throws: `ValidationError` where the engine does not compute in it on this machine.
  var resolvedPrecision: Precision {
    get throws { try precision.resolved(on: engine) }
  }

  /// A lowering with these choices.
  func lowering() throws -> any Lowering {
    engine.lowering(threads: budget, precision: try resolvedPrecision)
  }
}

/// A number of threads for people.
func inWords(threads: Int) -> String { threads == 1 ? "1 thread" : "\(threads) threads" }
