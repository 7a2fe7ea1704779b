import Checkpoints
import Foundation
import Glibc
import Runs
import Synchronization
import Testing

/// A file system whose N-th change fails once, as that of a disk that is full for a moment; or each from the N-th on,
/// as that of a folder that has become read-only.
private final class FaultyFileSystem: FileSystem {
  private let disk = DiskFileSystem()
  private let left: Mutex<Int>
  private let code: Int32
  private let recovers: Bool

  init(failing: Int, code: Int32, recovers: Bool) {
    left = Mutex(failing)
    self.code = code
    self.recovers = recovers
  }

  var hasFailed: Bool { left.withLock { $0 <= 0 } }

  private func count(_ operation: String, _ path: String) throws(FileSystemError) {
    let isFault = left.withLock { left in
      left -= 1
      return recovers ? left == 0 : left <= 0
    }
    if isFault { throw FileSystemError(operation: operation, path: path, code: code) }
  }

  func createDirectory(_ path: String) throws(FileSystemError) {
    try count("create folder", path)
    try disk.createDirectory(path)
  }

  func createFile(_ path: String) throws(FileSystemError) -> any WritableFile {
    try count("create", path)
    return try disk.createFile(path)
  }

  func synchronizeDirectory(_ path: String) throws(FileSystemError) {
    try count("flush folder", path)
    try disk.synchronizeDirectory(path)
  }

  func rename(_ path: String, to newPath: String) throws(FileSystemError) {
    try count("rename", path)
    try disk.rename(path, to: newPath)
  }

  func remove(_ path: String) throws(FileSystemError) {
    try count("remove", path)
    try disk.remove(path)
  }

  func names(in path: String) throws(FileSystemError) -> [String] { try disk.names(in: path) }
  func isDirectory(_ path: String) -> Bool { disk.isDirectory(path) }
  func read(_ path: String) throws(FileSystemError) -> [UInt8] { try disk.read(path) }
}

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
        .finishes, fileSystem: FaultyFileSystem(failing: 1, code: ENOSPC, recovers: true))
    }
    var failing = 2
    while true {
      let harness = try RunHarness()
      let fileSystem = FaultyFileSystem(failing: failing, code: ENOSPC, recovers: true)
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
      .finishes, fileSystem: FaultyFileSystem(failing: 2, code: EROFS, recovers: false))
    await #expect(throws: RunControlError.notWritable) { try await coordinator.create() }
    #expect(try await coordinator.counts().isEmpty)
    #expect(try DiskFileSystem().names(in: harness.folder.path + "/runs").isEmpty)
  }
}
