import Datasets
import Foundation
import Images
import JSONTree
import Testing

/// docs/tutorial.md, command by command, as somebody would type it; only the length of the runs is another.
@Suite(.serialized, .timeLimit(.minutes(10))) struct TutorialTests {
  /// The commands of the page: lines that are indented by four blanks.
  private static func commands() throws -> [String] {
    try String(contentsOfFile: repositoryPath("docs/tutorial.md"), encoding: .utf8)
      .components(separatedBy: "\n").filter { $0.hasPrefix("    ") }.map { String($0.dropFirst(4)) }
  }

  /// A folder with `pictures/` in two kinds, `cat.jpg`, and what makes `byol` a command and a refusal an error.
  private static func bench() throws -> FreshFolder {
    let folder = try FreshFolder()
    let drawn = DemoPictures(seed: 3)
    for number in 0..<120 {
      let kind = folder.path + "/pictures/" + (number % 2 == 0 ? "even" : "odd")
      try FileManager.default.createDirectory(atPath: kind, withIntermediateDirectories: true)
      let bytes = Data(try drawn.picture(at: number).png())
      try bytes.write(to: URL(fileURLWithPath: "\(kind)/\(number).png"))
      // Formats are told by their bytes.
      if number == 0 { try bytes.write(to: URL(fileURLWithPath: folder.path + "/cat.jpg")) }
    }
    try FileManager.default.createDirectory(
      atPath: folder.path + "/bin", withIntermediateDirectories: false)
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/bin/byol", withDestinationPath: ServiceProcess.program)
    try Data("fail-with-body\n".utf8).write(to: URL(fileURLWithPath: folder.path + "/.curlrc"))
    return folder
  }

  /// What `make asan` and `make tsan` tell their sanitizer, which is in the commands too.
  private static let sanitizerOptions = ProcessInfo.processInfo.environment.filter {
    $0.key.hasSuffix("SAN_OPTIONS")
  }

  /// Runs a command; what it printed on standard output.
  private static func run(_ command: String, in folder: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-c", command]
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.environment = [
      "PATH": folder + "/bin:/usr/bin:/bin", "CURL_HOME": folder, "HOME": folder,
    ].merging(sanitizerOptions) { own, _ in own }
    let (output, errors) = (folder + "/output", folder + "/errors")
    for path in [output, errors] { _ = FileManager.default.createFile(atPath: path, contents: nil) }
    process.standardOutput = FileHandle(forWritingAtPath: output)
    process.standardError = FileHandle(forWritingAtPath: errors)
    try process.run()
    process.waitUntilExit()
    let text = try String(contentsOfFile: output, encoding: .utf8)
    let said = try String(contentsOfFile: errors, encoding: .utf8)
    #expect(process.terminationStatus == 0, "\(command)\n\(text.suffix(500))\n\(said.suffix(1500))")
    return text
  }

  @Test func `the commands for one person do what the page says`() throws {
    let folder = try Self.bench()
    let commands = try Self.commands().prefix { !$0.hasPrefix("byol serve") }
    #expect(commands.count >= 7)
    for command in commands {
      let text = try Self.run(
        command.replacing("--minutes 20", with: "--updates 4 --image-size 16 --batch-size 32"),
        in: folder.path)
      if command.hasPrefix("byol search") {
        // The picture itself is in the index.
        #expect(text.contains("even/0.png") && text.contains("1.000"), "\(text)")
      }
    }
    for name in ["vectors.npy", "vectors.csv", "model.onnx", "run/best/model.safetensors"] {
      #expect(FileManager.default.fileExists(atPath: folder.path + "/" + name), "\(name)")
    }
    // What a command needs while it computes is gone when it is done.
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(!names.contains { $0.hasSuffix(".lock") || $0.hasSuffix(".partial") }, "\(names)")
  }

  @Test func `the commands for a service do what the page says`() async throws {
    let folder = try Self.bench()
    let all = try Self.commands()
    let place = try #require(all.firstIndex { $0.hasPrefix("byol serve") })
    let service = try await ServiceProcess(
      data: folder.path + "/byol-data")
    let host = try #require(URL(string: service.address)?.port).description
    var names: [(word: String, id: String)] = []
    for command in all[(place + 1)...] {
      var typed = command.replacing("localhost:8080", with: "127.0.0.1:\(host)")
        .replacing(
          #""minutes": 20"#, with: #""updates": 4, "image_size": 16, "batch_size": 32"#)
      for (word, id) in names { typed = typed.replacing(word, with: id) }
      let text = try Self.run(typed, in: folder.path)
      guard typed.hasPrefix("curl") else { continue }
      let reply = try #require(try JSONValue(parsing: Array(text.utf8)).objectValue, "\(typed)")
      let made: [(path: String, word: String)] = [
        ("/v1/datasets -H", "DATASET"), ("/v1/runs -d", "RUN"), ("/v1/indexes -d", "INDEX"),
      ]
      guard let word = made.first(where: { typed.contains($0.path) })?.word else {
        if typed.contains("/search") {
          let first = reply["data"]?.arrayValue?.first?.objectValue
          #expect(first?["name"]?.stringValue?.hasSuffix("even/0.png") == true, "\(text)")
        }
        continue
      }
      let id = try #require(reply["id"]?.stringValue)
      names.append((word, id))
      let path = ["RUN": "/v1/runs/\(id)", "INDEX": "/v1/indexes/\(id)"][word]
      guard let path else { continue }
      _ = try await eventually("the end of \(path)", within: .seconds(300)) {
        let state = try await service.call("GET", path).object()["state"]?.stringValue
        #expect(state != "failed")
        return state == "succeeded" ? state : nil
      }
    }
    #expect(names.map(\.word) == ["DATASET", "RUN", "INDEX"])
    #expect(service.end(SIGTERM) == 0)
  }
}
