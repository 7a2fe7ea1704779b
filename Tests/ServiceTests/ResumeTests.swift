import Foundation
import JSONTree
import Testing

/// `byol train` that is killed, and started again with the same line.
@Suite(.timeLimit(.minutes(5))) struct ResumeTests {
  private static let flags = TrainingBench.flags(epochs: 40)

  private let bench: TrainingBench
  private var folder: FreshFolder { bench.folder }
  private var pictures: String { bench.pictures }

  init() throws { bench = try TrainingBench() }

  /// The output of a run; the last part is the run's name, which is in its model.
  private func output(_ place: String) -> String { "\(folder.path)/\(place)/run" }

  private func arguments(_ place: String) -> [String] {
    ["train", "--pictures", pictures, "--output", output(place)] + Self.flags
  }

  private func start(_ place: String) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: ServiceProcess.program)
    process.arguments = arguments(place)
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }

  /// The steps of the checkpoints, ascending.
  private func steps(_ place: String) -> [Int] {
    let names = try? FileManager.default.contentsOfDirectory(atPath: output(place) + "/checkpoints")
    return (names ?? []).compactMap { Int($0) }.sorted()
  }

  private func files(_ place: String, step: Int) throws -> [Data] {
    try TrainingBench.files(output(place), step: step)
  }

  @Test func `a run killed between checkpoints ends with the same bytes as one never disturbed`()
    async throws
  {
    let whole = try ServiceProcess.run(arguments("whole"))
    #expect(whole.status == 0, "\(whole.text)")
    let last = try #require(steps("whole").last)
    #expect(last == 200)

    var kills = 0
    for target in [7, 50, 120] {
      let process = try start("killed")
      defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
      _ = try await eventually("a checkpoint of step \(target) or later") {
        (steps("killed").last ?? 0) >= target || !process.isRunning ? true : nil
      }
      if process.isRunning {
        kill(process.processIdentifier, SIGKILL)
        kills += 1
      }
      process.waitUntilExit()
    }
    #expect(kills > 0)
    let rest = try ServiceProcess.run(arguments("killed"))
    #expect(rest.status == 0, "\(rest.text)")
    #expect(steps("killed").last == last)
    #expect(try files("killed", step: last) == files("whole", step: last))
  }
}
