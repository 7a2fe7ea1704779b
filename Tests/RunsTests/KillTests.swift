import Checkpoints
import Durability
import Foundation
import RunDatabase
import Runs
import Testing

/// How often something is killed: `BYOL_FAULT_ROUNDS`, by default a few times.
private let rounds = ProcessInfo.processInfo.environment["BYOL_FAULT_ROUNDS"].flatMap(Int.init) ?? 6

/// Runs that keep the service busy for so many rounds.
private let runCount = max(2, rounds / 8)

/// Kills a real service and its real workers at random moments; see `Tests/run-service`.
@Suite(.timeLimit(.minutes(10))) struct `Kill -9` {
  private enum Victim: CaseIterable {
    case service, worker, both, nobodyButAskService
  }

  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func start(in path: String, count: Int = runCount) throws -> Process {
    let bundle = Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
    let process = Process()
    process.executableURL = bundle.deletingLastPathComponent().appending(path: "run-service")
    process.arguments = ["serve", path, "\(count)"]
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    return process
  }

  private func strike(_ victim: Victim, _ service: Process) {
    if victim == .worker || victim == .both {
      for worker in workers() { kill(worker, SIGKILL) }
    }
    switch victim {
    case .service, .both: kill(service.processIdentifier, SIGKILL)
    case .nobodyButAskService: kill(service.processIdentifier, SIGTERM)
    case .worker: return
    }
    service.waitUntilExit()
  }

  private func workers() -> [pid_t] {
    let runs = folder.path + "/runs"
    let names = (try? DiskFileSystem().names(in: runs)) ?? []
    return names.compactMap { name in
      let text = try? String(contentsOfFile: "\(runs)/\(name)/worker.lock", encoding: .utf8)
      return text.flatMap { pid_t($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }.filter { isWorker($0) }
  }

  /// Whether the process is one of ours: its number may have been given again.
  private func isWorker(_ process: pid_t) -> Bool {
    guard let line = try? DiskFileSystem().read("/proc/\(process)/cmdline") else { return false }
    return String(decoding: line, as: UTF8.self).contains("run-service")
  }

  @Test func `at any moment costs no run more than its last few updates`() async throws {
    var generator = SystemRandomNumberGenerator()
    var service = try start(in: folder.path)
    for _ in 0..<rounds {
      try await Task.sleep(for: .milliseconds(Int.random(in: 5...400, using: &generator)))
      strike(Victim.allCases.randomElement(using: &generator) ?? .service, service)
      if !service.isRunning { service = try start(in: folder.path) }
    }
    service.waitUntilExit()
    #expect(service.terminationStatus == 0)

    let undisturbed = try TemporaryFolder()
    let reference = try start(in: undisturbed.path, count: 1)
    reference.waitUntilExit()
    let expected = try #require(try states(in: undisturbed.path).first)
    let found = try states(in: folder.path)
    #expect(found.count == runCount && found.allSatisfy { $0 == expected })
    try expectOrder(in: folder.path)
  }

  private func states(in path: String) throws -> [Safetensors] {
    let runs = path + "/runs"
    return try DiskFileSystem().names(in: runs).map { name in
      let newest = try CheckpointFolder(directory: "\(runs)/\(name)/checkpoints").newest()
      return try #require(newest).state
    }
  }

  /// No worker began before the newest checkpoint that was told of: nothing was lost beyond what was done since.
  private func expectNothingLost(_ events: [RunEvent]) throws {
    var newest = 0
    for event in events {
      if event.kind == "checkpoint" { newest = max(newest, try #require(event.step)) }
      if event.kind == "worker_started" {
        let begin = try #require(event.step)
        #expect(begin >= newest, "A worker began at \(begin) after a checkpoint of \(newest).")
      }
    }
    #expect(newest == 400)
  }

  /// Every run succeeded, every transition is one of the table, nothing is left half-written.
  private func expectOrder(in path: String) throws {
    let store = try SQLiteRunStore(path: path + "/byol.sqlite")
    for record in try store.page(state: nil, limit: 100, after: nil).records {
      #expect(record.status.state == .succeeded && record.status.progress.step == 400)
      let id = record.run.id
      let events = try store.events(of: id, after: 0, order: .oldestFirst, limit: .max)
      try expectNothingLost(events)
      var state = RunState.queued
      for event in events where event.kind == "state" {
        let possible = RunTrigger.allCases.contains {
          state.transition(on: $0) == .move(event.state)
        }
        #expect(possible, "\(state) to \(event.state)")
        state = event.state
      }
      let samples = try store.metrics(of: id, since: 0, maximumCount: .max)
      #expect(samples.map(\.step) == Set(samples.map(\.step)).sorted())
      // A checkpoint is durable before its service hears of it: where that dies in between, the figures of the
      // interval before it, ten updates here, are lost, and nothing else.
      #expect(try #require(samples.last).step >= 390)
      let names = try DiskFileSystem().names(in: "\(path)/runs/\(id)/checkpoints")
      #expect(names.count == 2 && names.contains("400"), "\(names)")
      #expect(
        !(try DiskFileSystem().names(in: "\(path)/runs/\(id)")).contains {
          $0.hasSuffix(".writing")
        })
    }
  }
}
