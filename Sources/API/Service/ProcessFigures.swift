import Foundation

/// What Prometheus' own clients tell of a process, under their names.
struct ProcessFigures: Equatable {
  var processorSeconds: Double?
  var startSeconds: Double?
  var virtualByteCount: Double?
  var residentByteCount: Double?
  var openFiles: Double?
  var openFilesAtMost: Double?

  /// This process.
  static var current: ProcessFigures {
    func text(_ path: String) -> String {
      (try? String(contentsOfFile: "/proc/" + path, encoding: .utf8)) ?? ""
    }
    var figures = ProcessFigures(
      stat: text("self/stat"), machine: text("stat"), limits: text("self/limits"))
    figures.residentByteCount = ProcessStatus.current.residentByteCount.map(Double.init)
    let files = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
    figures.openFiles = files.map { Double($0.count) }
    return figures
  }

  /// Reads `/proc/self/stat`, `/proc/stat` and `/proc/self/limits` (proc(5)).
  init(stat: String, machine: String, limits: String) {
    // The second field is the program's name in parentheses, which may hold anything.
    let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
    func field(_ number: Int) -> Double? {
      // The parenthesis stands for field 2.
      number - 2 < fields.count ? Double(fields[number - 2]) : nil
    }
    // The unit of times, USER_HZ, is a hundredth of a second on every architecture that Swift runs on.
    if let user = field(14), let system = field(15) { processorSeconds = (user + system) / 100 }
    let boot = machine.split(separator: "\n").first { $0.hasPrefix("btime ") }
    if let boot = boot.flatMap({ Double($0.dropFirst(6)) }), let start = field(22) {
      startSeconds = boot + start / 100
    }
    virtualByteCount = field(23)
    let line = limits.split(separator: "\n").first { $0.hasPrefix("Max open files") }
    openFilesAtMost = line?.split(separator: " ").dropFirst(3).first.flatMap { Double($0) }
  }

  func write(to page: inout PrometheusPage) {
    func put(_ name: String, _ kind: String, _ meaning: String, _ value: Double?) {
      guard let value else { return }
      page.family(name, kind, meaning)
      page.sample(name, value)
    }
    put(
      "process_cpu_seconds_total", "counter", "Processor time, user and system, in seconds.",
      processorSeconds)
    put(
      "process_start_time_seconds", "gauge", "Start of the process, in seconds since 1970.",
      startSeconds)
    put("process_virtual_memory_bytes", "gauge", "Address space in use.", virtualByteCount)
    put("process_resident_memory_bytes", "gauge", "Memory in use.", residentByteCount)
    put("process_open_fds", "gauge", "Open file descriptors.", openFiles)
    put("process_max_fds", "gauge", "Open file descriptors allowed.", openFilesAtMost)
  }
}
