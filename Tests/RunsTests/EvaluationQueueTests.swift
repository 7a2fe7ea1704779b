import Durability
import Evaluation
import FaultyDisk
import Foundation
import Identifiers
import Runs
import Testing

@Suite("Queue of evaluations", .timeLimit(.minutes(1)))
final class EvaluationQueueTests {
  private let folder = NSTemporaryDirectory() + "byol-evaluations-\(UUID().uuidString)"
  private let run: Identifier

  init() throws {
    run = IdentifierSource().next(at: .now())
    try FileManager.default.createDirectory(
      atPath: "\(folder)/\(run)", withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  @Test func `a finished evaluation is there after a restart, one that waited has failed`()
    async throws
  {
    let queue = queue(script: #"echo '{"kind":"failed","detail":"No."}'"#)
    let first = try await queue.create(submission)
    let ended = try await reached(first.id, queue) { $0.state == .failed }
    #expect(ended.reason == "No." && ended.startedAt != nil && ended.endedAt != nil)
    let slow = self.queue(script: "exec sleep 60")
    let second = try await slow.create(submission)
    let third = try await slow.create(submission)

    // Another service over the same folder, as after a kill.
    let again = self.queue(script: "exit 0")
    // Times are stored in milliseconds, as they are told.
    #expect(try await again.record(first.id) == ended)
    for id in [second.id, third.id] {
      let record = try await again.record(id)
      #expect(record.state == .failed && record.reason?.contains("service ended") == true)
    }
    #expect(try await again.create(submission).id > third.id)
    await again.end()
    await slow.end()
  }

  @Test func `lines that are none are left out, progress and the last line count`() async throws {
    let queue = queue(
      script: """
        echo garbage
        echo '{"kind":"progress","progress":{"subject":"model","done":1,"total":2}}'
        read line
        """)
    let record = try await queue.create(submission)
    let running = try await reached(record.id, queue) { $0.progress != nil }
    #expect(running.progress == EvaluationProgress(.model, done: 1, total: 2))
    #expect(running.state == .running)
    await queue.end()
  }

  @Test func `a process that ends without a last line has failed with its words`() async throws {
    let queue = queue(script: "echo 'Fatal error: out of luck' >&2; exit 3")
    let record = try await queue.create(submission)
    let failed = try await reached(record.id, queue) { $0.state == .failed }
    #expect(failed.reason?.contains("exit code 3") == true)
    #expect(failed.reason?.contains("out of luck") == true)
  }

  @Test func `a process that does not leave when it is asked to is killed`() async throws {
    let queue = queue(script: "trap '' TERM; while true; do sleep 0.1; done")
    let record = try await queue.create(submission)
    _ = try await reached(record.id, queue) { $0.state == .running }
    #expect(try await queue.cancel(record.id)?.state == .stopping)
    _ = try await reached(record.id, queue) { $0.state == .cancelled }
  }

  @Test func `a program that is not there is a failure, and the next one starts`() async throws {
    let queue = EvaluationQueue(runDirectory: folder, modelDirectory: folder + "/models") { _ in
      try EvaluationCommandProcess(["/nowhere/byol"])
    }
    for _ in 0..<2 {
      let record = try await queue.create(submission)
      #expect(record.state == .failed && record.reason?.contains("cannot be started") == true)
    }
  }

  @Test func `what cannot be stored is not queued`() async throws {
    let queue = EvaluationQueue(
      runDirectory: folder, modelDirectory: folder + "/models",
      fileSystem: FaultyFileSystem(failing: 2)
    ) { _ in
      try EvaluationCommandProcess(["/bin/sh", "-c", "exit 0"])
    }
    await #expect(throws: FileSystemError.self) { try await queue.create(self.submission) }
    #expect(await queue.page(run: nil, model: nil, limit: 10, after: nil).records.isEmpty)
  }

  @Test func `a run keeps its newest evaluations`() async throws {
    var limits = EvaluationQueueLimits()
    limits.kept = 2
    let queue = EvaluationQueue(
      runDirectory: folder, modelDirectory: folder + "/models", limits: limits
    ) { _ in
      try EvaluationCommandProcess(["/nowhere/byol"])
    }
    var ids: [Identifier] = []
    for _ in 0..<4 { ids.append(try await queue.create(submission).id) }
    let page = await queue.page(run: run, model: nil, limit: 10, after: nil)
    #expect(page.records.map(\.id) == ids.suffix(2).reversed() && !page.hasMore)
    let names = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(run)/evaluations")
    #expect(names.count == 2)
  }

  @Test func `an evaluation of a model of the library is there after a restart, and goes with it`()
    async throws
  {
    let model = IdentifierSource().next(at: .now())
    let stored = "\(folder)/models/\(model)"
    try FileManager.default.createDirectory(atPath: stored, withIntermediateDirectories: true)
    let submission = EvaluationSubmission(
      model: .stored(model), modelFile: "model", dataset: "pictures")
    let queue = queue(script: #"echo '{"kind":"failed","detail":"No."}'"#)
    let record = try await queue.create(submission)
    let ended = try await reached(record.id, queue) { $0.state == .failed }
    let again = self.queue(script: "exit 0")
    #expect(try await again.record(record.id) == ended)
    #expect(await again.page(run: nil, model: "\(model)", limit: 9, after: nil).records == [ended])

    // Between look-up and request: the folder must not come back without its model.
    try FileManager.default.removeItem(atPath: stored)
    await #expect(throws: EvaluationControlError.modelRemoved) {
      try await again.create(submission)
    }
    #expect(await again.page(run: nil, model: nil, limit: 9, after: nil).records.isEmpty)
    #expect(!FileManager.default.fileExists(atPath: stored))
  }

  private var submission: EvaluationSubmission {
    EvaluationSubmission(
      model: .checkpoint(run: run, step: 1), modelFile: "model", dataset: "pictures")
  }

  private func queue(script: String) -> EvaluationQueue {
    EvaluationQueue(runDirectory: folder, modelDirectory: folder + "/models") { _ in
      try EvaluationCommandProcess(["/bin/sh", "-c", script], patience: .milliseconds(50))
    }
  }

  /// The evaluation as soon as it is as asked; the time limit ends the wait.
  private func reached(
    _ id: Identifier, _ queue: EvaluationQueue, _ isThere: (EvaluationRecord) -> Bool
  ) async throws -> EvaluationRecord {
    while true {
      let record = try await queue.record(id)
      if isThere(record) { return record }
      try await Task.sleep(for: .milliseconds(1))
    }
  }
}
