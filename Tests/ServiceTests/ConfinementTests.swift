import Foundation
import JSONTree
import Runs
import Testing

/// Workers as the service starts them, held to their files.
@Suite(.timeLimit(.minutes(5))) struct ConfinementTests {
  private static let flags = TrainingBench.flags(epochs: 4)

  private let bench: TrainingBench
  private var folder: FreshFolder { bench.folder }
  private var pictures: String { bench.pictures }

  init() throws { bench = try TrainingBench() }

  /// A worker's process, with its reports; its input stays open until it has ended.
  private func work(_ arguments: [String]) throws -> (
    status: Int32, lines: [String], errors: String
  ) {
    let process = Process()
    let (input, output, errors) = (Pipe(), Pipe(), folder.path + "/errors-\(UUID())")
    _ = FileManager.default.createFile(atPath: errors, contents: nil)
    process.executableURL = URL(fileURLWithPath: ServiceProcess.program)
    process.arguments = arguments
    process.standardInput = input
    process.standardOutput = output
    process.standardError = FileHandle(forWritingAtPath: errors)
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    withExtendedLifetime(input) {}
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    return (
      process.terminationStatus, lines, (try? String(contentsOfFile: errors, encoding: .utf8)) ?? ""
    )
  }

  private func files(_ run: String) throws -> [Data] {
    let checkpoints = run + "/checkpoints"
    let steps = try FileManager.default.contentsOfDirectory(atPath: checkpoints)
    let last = try #require(steps.compactMap { Int($0) }.max())
    return try TrainingBench.files(run, step: last)
  }

  @Test func `a training that is held to its files ends with the same bytes as one that is not`()
    throws
  {
    let (free, held) = (folder.path + "/free/run", folder.path + "/held/run")
    let trained = try ServiceProcess.run(
      ["train", "--pictures", pictures, "--output", free] + Self.flags)
    #expect(trained.status == 0, "\(trained.text)")
    try FileManager.default.createDirectory(atPath: held, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: free + "/recipe.json", toPath: held + "/recipe.json")
    let worked = try work(
      ["train", "--run-directory", held, "--pack", free + "/dataset", "--threads", "1"])
    #expect(worked.status == 0, "\(worked.errors)")
    #expect(try files(held) == files(free))

    let first = try JSONValue(parsing: Array(try #require(worked.lines.first).utf8))
    let confinement = try #require(first.objectValue?["confinement"]?.objectValue)
    #expect(confinement["seccomp"] == true && confinement["no_new_privileges"] == true)
    let version = try #require(confinement["landlock"]?.integerValue)
    // Either it is in force, or the log says that it is not.
    #expect(version == WorkerConfinement.landlockVersion)
    #expect((version > 0) != worked.errors.contains("Landlock"))
  }

  @Test(
    .enabled(
      if: WorkerConfinement.landlockVersion > 0,
      "This kernel has no Landlock: that a worker reads nothing outside is not tested."))
  func `neither a training nor an evaluation follows its dataset out of its folder`() throws {
    let run = folder.path + "/run"
    let evaluation = [
      "evaluate", "--model", run + "/best/model.safetensors", "--dataset", run + "/dataset",
      "--protocols", "knn-1", "--threads", "1",
    ]
    let training = ["train", "--run-directory", run, "--pack", run + "/dataset", "--threads", "1"]
    let trained = try ServiceProcess.run(
      ["train", "--pictures", pictures, "--output", run] + Self.flags)
    #expect(trained.status == 0, "\(trained.text)")
    let judged = try work(evaluation + ["--worker"])
    #expect(judged.status == 0, "\(judged.lines.last ?? "") \(judged.errors)")

    let outside = folder.path + "/outside"
    try FileManager.default.moveItem(atPath: run + "/dataset/pack", toPath: outside)
    try FileManager.default.createSymbolicLink(
      atPath: run + "/dataset/pack", withDestinationPath: outside)
    // The control: who is not held reads it there.
    let free = try ServiceProcess.run(evaluation)
    #expect(free.status == 0, "\(free.text)")
    for arguments in [evaluation + ["--worker"], training] {
      let held = try work(arguments)
      #expect(held.status != 0)
      let last = held.lines.last ?? ""
      #expect(last.contains("open of pack failed with errno \(EACCES)"), "\(last)")
    }
  }
}
