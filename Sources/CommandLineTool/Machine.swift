import Foundation
import Recipes
import TensorGraph
import Tensors

/// The machine this process runs on, asked once at start.
enum Machine {
  /// Processors that this process may use.
  static var cores: Int {
    max(1, ProcessInfo.processInfo.activeProcessorCount)
  }

  /// The architecture that the program is compiled for, as `uname -m` says it.
  static var architecture: String {
    #if arch(x86_64)
      "x86_64"
    #elseif arch(arm64)
      "aarch64"
    #else
      "unknown"
    #endif
  }

  /// The maker's name of the processor; empty where the system tells none, as on arm64.
  static var processorModel: String {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
    let name = line?.split(separator: ":").last ?? ""
    return name.trimmingCharacters(in: .whitespaces)
  }

  /// What a run on an engine may use of it, for a recipe's automatic values.
  static func size(_ threads: ThreadBudget, on engine: Engine) -> MachineSize {
    MachineSize(
      cores: threads.count,
      memoryByteCount: Int(clamping: ProcessInfo.processInfo.physicalMemory),
      precision: engine.bestPrecision)
  }

  /// The given number of threads, or one per processor.
  static func threads(_ asked: Int?) -> ThreadBudget { ThreadBudget(asked ?? cores) }
}

/// Seconds of a clock that only goes forward.
func monotonicSeconds() -> Double {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
