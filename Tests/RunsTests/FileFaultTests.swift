import Checkpoints
import Durability
import FaultyDisk
import Foundation
import Glibc
import Runs
import Testing

/// Faults of the files that the coordinator itself changes; the store's are in `Store faults`, those of checkpoints
/// in `Checkpoint folders`.
@Suite(.timeLimit(.minutes(2))) struct `File faults` {
  /// A request that may be refused once by a disk that is full for a moment.
  private func insistently<Value: Sendable>(_ request: () async throws -> Value) async throws
    -> Value
  {
    do {
      return try await request()
    } catch RunControlError.diskFull {
      return try await request()
    }
  }

  @Test func `whichever operation fails, the run goes its way and the next start leaves nothing`()
    async throws
  {
    // The first operation makes the folder of all runs: without it there is no service.
    #expect(throws: FileSystemError.self) {
      try RunHarness().coordinator(
        .finishes, fileSystem: FaultyFileSystem(failing: 1, recovers: true, countsContent: false))
    }
    var failing = 2
    while true {
      let harness = try RunHarness()
      let fileSystem = FaultyFileSystem(failing: failing, recovers: true, countsContent: false)
      let coordinator = try harness.coordinator(.waitsAtFirst, fileSystem: fileSystem)
      let id = try await insistently { try await coordinator.create() }
      try await coordinator.sees("worker_started", id)
      _ = try await coordinator.stop(id, now: true)
      _ = try await coordinator.reaches(.stopped, id)
      _ = try await coordinator.start(id)
      let status = try await coordinator.reaches(.succeeded, id)
      #expect(status.progress.step == 8, "operation \(failing)")
      try await insistently { try await coordinator.delete(id) }
      await coordinator.end(within: .seconds(5))
      let next = try harness.coordinator(.finishes)
      try await next.begin()
      await next.end(within: .seconds(5))
      let left = try DiskFileSystem().names(in: harness.folder.path + "/runs")
      #expect(left.isEmpty, "operation \(failing) left \(left)")
      guard fileSystem.hasFailed else { break }
      failing += 1
    }
    #expect(failing > 15)
  }

  @Test func `in a folder that is read-only requests are refused and nothing changes`() async throws
  {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(
      .finishes, fileSystem: FaultyFileSystem(failing: 2, code: EROFS, countsContent: false))
    await #expect(throws: RunControlError.notWritable) { try await coordinator.create() }
    #expect(try await coordinator.counts().isEmpty)
    #expect(try DiskFileSystem().names(in: harness.folder.path + "/runs").isEmpty)
  }
}
