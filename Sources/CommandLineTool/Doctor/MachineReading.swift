import Engines
import Foundation

/// What the system says about the machine and this process's share of it.
struct MachineReading: Equatable {
  /// Processors that the process may run on.
  var cores = Machine.cores
  /// Processors' worth of time that the control group allows; nil where it sets no limit.
  var coresAllowed: Double?
  /// Bytes that programs could still have, and that the control group allows in all.
  var availableMemory: Int?
  var memoryAllowed: Int?
  /// Files that the process may have open.
  var openFiles: Int?
  /// Whether the limits of open files can be raised that far by the process itself.
  var openFilesAtMost: Int?

  /// Nothing but the processors is known.
  init() {}

  /// Reads the kernel's files (proc(5), and control groups of version 2) below `root`, `/` but for tests.
  init(root: String) {
    func text(_ path: String) -> String {
      (try? String(contentsOfFile: root + path, encoding: .utf8)) ?? ""
    }
    availableMemory = Self.memory(text("proc/meminfo"), "MemAvailable:")
    memoryAllowed = Int(text("sys/fs/cgroup/memory.max").trimmingCharacters(in: .newlines))
    let share = text("sys/fs/cgroup/cpu.max").split(whereSeparator: \.isWhitespace)
    if share.count == 2, let time = Double(share[0]), let period = Double(share[1]), period > 0 {
      coresAllowed = time / period
    }
    for line in text("proc/self/limits").split(separator: "\n")
    where line.hasPrefix("Max open files") {
      let words = line.split(separator: " ").dropFirst(3).map(String.init)
      (openFiles, openFilesAtMost) = (
        words.first.flatMap(Self.limit), words.dropFirst().first.flatMap(Self.limit)
      )
    }
  }

  private static func limit(_ word: String) -> Int? { word == "unlimited" ? .max : Int(word) }

  private static func memory(_ text: String, _ name: String) -> Int? {
    let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
    let words = line?.split(separator: " ") ?? []
    return words.count > 1 ? Int(words[1]).map { $0 * 1024 } : nil
  }
}

// MARK: - Judgements

extension MachineReading {
  /// What is said of the machine, whose kernels are those of a family; a server of `connections` at most.
  func findings(family: String, connections: Int) -> [Finding] {
    [processor(family), threads, memory, files(connections)].compactMap(\.self)
  }

  private func processor(_ family: String) -> Finding {
    guard family == "any", Machine.architecture == "x86_64" else {
      return .ok("processor", "\(Machine.architecture), family \(family), \(cores) processors")
    }
    return .warn(
      "processor", "no AVX2: kernels of SSE4.1 are used, and training is several times slower",
      advice: "Use a processor of the last ten years; in a virtual machine pass the host's on.")
  }

  private var threads: Finding? {
    guard let coresAllowed, coresAllowed < Double(cores) else { return nil }
    let whole = max(1, Int(coresAllowed))
    return .warn(
      "processor share",
      "the control group allows \(coresAllowed) processors of \(cores)",
      advice: "Say --threads \(whole), so that threads do not wait for each other's time.")
  }

  private var memory: Finding {
    let free = [availableMemory, memoryAllowed].compactMap(\.self).min()
    guard let free else {
      return .warn(
        "memory", "the system does not tell", advice: "Watch resident_bytes in /v1/status.")
    }
    let detail = "\(inWords(bytes: free)) available"
    if free < 512 << 20 {
      return .fail(
        "memory", detail, advice: "A service with one small run needs about 512 MiB; add memory.")
    }
    guard free >= 2 << 30 else {
      return .warn(
        "memory", detail,
        advice: "Runs of large pictures need more than 2 GiB; validate_only tells how much.")
    }
    return .ok("memory", detail)
  }

  private func files(_ connections: Int) -> Finding? {
    guard let openFiles else { return nil }
    // Besides connections: the database, packs, indexes, logs and pipes of workers.
    let needed = connections + 512
    guard openFiles < needed else { return .ok("open files", "\(openFiles) allowed") }
    return .warn(
      "open files", "\(openFiles) allowed, \(needed) needed for \(connections) connections",
      advice: "Say ulimit -n \(needed), or LimitNOFILE=\(needed) in the unit.")
  }
}

/// Bytes for people.
func inWords(bytes: Int) -> String {
  let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
  var (value, unit) = (Double(bytes), 0)
  while value >= 1024, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
  let shown = unit == 0 ? "\(bytes)" : "\((value * 10).rounded() / 10)"
  return "\(shown) \(units[unit])"
}
