import ArgumentParser
import OneDNNLowering
import TensorGraph
import Tensors

/// A precision, or the processor's fastest.
enum PrecisionChoice: String, ExpressibleByArgument, CaseIterable {
  case auto, float32, bfloat16
}

extension PrecisionChoice {
  /// The precision to compute in.
  ///
  /// - Throws: `ValidationError` where the processor does not multiply it.
  func resolved() throws -> Precision {
    let best = OneDNNLowering.bestPrecision
    guard self != .bfloat16 || best == .bfloat16 else {
      throw ValidationError("This processor does not multiply bfloat16; take auto or float32.")
    }
    return self == .float32 ? .float32 : best
  }
}

/// How the engine computes.
struct EngineOptions: ParsableArguments {
  @Option(help: "auto (bfloat16 where the processor multiplies it), float32 or bfloat16.")
  var precision = PrecisionChoice.auto

  @Option(help: "Threads; default: one per processor.")
  var threads: Int?

  mutating func validate() throws {
    if let threads, !(1...4096).contains(threads) {
      throw ValidationError("--threads must be 1…4096.")
    }
  }

  /// The threads to compute on.
  var budget: ThreadBudget { Machine.threads(threads) }

  /// The number of threads for people.
  var threadsInWords: String { inWords(threads: budget.count) }

  /// The precision asked for.
  ///
  /// - Throws: `ValidationError` where the processor does not multiply it.
  var resolvedPrecision: Precision {
    get throws { try precision.resolved() }
  }

  /// A lowering with these choices.
  func lowering() throws -> OneDNNLowering {
    OneDNNLowering(threads: budget, precision: try resolvedPrecision)
  }
}

/// A number of threads for people.
func inWords(threads: Int) -> String { threads == 1 ? "1 thread" : "\(threads) threads" }
