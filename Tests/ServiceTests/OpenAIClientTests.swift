import Datasets
import Foundation
import Images
import JSONTree
import PythonInterpreter
import Testing

/// An interpreter's exit status and what it prints.
private func run(_ arguments: [String]) throws -> (status: Int32, text: String) {
  let ran = try #require(PythonInterpreter.run(arguments, errors: true))
  return (ran.status, String(decoding: ran.output, as: UTF8.self))
}

private let hasClient = PythonInterpreter.has("openai")

/// What OpenAI's own client, unmodified, makes of the service's answers, by the script that the documents name.
@Suite(
  .enabled(if: hasClient, "BYOL_PYTHON names no interpreter with the package openai"),
  .timeLimit(.minutes(5)))
struct `The OpenAI client` {
  @Test func `embeds pictures, lists models and tells errors apart`() async throws {
    let folder = try FreshFolder()
    let service = try await ServiceProcess(data: folder.path + "/data")
    // Its worker has the priority of others: an idle one waits for minutes where something else computes.
    let model = try await service.start(epochs: 1)
    let done = try await service.wait(for: model, state: "succeeded")
    let step = try #require(done["progress"]?.objectValue?["step"]?.integerValue)
    let pictures = try (0..<4).map { index in
      let path = "\(folder.path)/\(index).png"
      try Data(DemoPictures(seed: 9).picture(at: index).png()).write(to: URL(fileURLWithPath: path))
      return path
    }
    func ask(_ model: String, dimension: Int) async throws -> (status: Int32, text: String) {
      let script = repositoryPath("Scripts/openai_client.py")
      return try await onOwnThread {
        try run([script, service.address, model, "--dimension", "\(dimension)"] + pictures)
      }
    }
    let (status, text) = try await ask(model, dimension: 32)
    #expect(status == 0, "\(text)")
    #expect(text.matches(of: #/(?m)^ok: /#).count > 20, "\(text)")

    // Negative control: what is not as it should be is told.
    let wrong = try await ask(model, dimension: 33)
    #expect(wrong.status == 1 && wrong.text.contains("WRONG: of 33 components"), "\(wrong.text)")
    let missing = try await ask("\(model)@\(step + 1)", dimension: 32)
    #expect(missing.status == 1 && missing.text.contains("WRONG: models.list()"), "\(missing.text)")
    #expect(service.end(SIGTERM) == 0)
  }
}
