import Checkpoints
import Foundation
import RunDatabase
import Runs
import Testing

/// A folder on a file system of a few MiB that has nothing else in it, such as
/// `mount -t tmpfs -o size=3m tmpfs DIR` makes.
private let tinyDisk = ProcessInfo.processInfo.environment["BYOL_TINY_DISK"]

@Suite(
  .enabled(if: tinyDisk != nil, "BYOL_TINY_DISK names no small file system"),
  .timeLimit(.minutes(1)), .serialized)
struct `A full disk` {
  private let folder: String

  init() throws {
    folder = try #require(tinyDisk) + "/\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  private func fill() throws {
    let filler = try DiskFileSystem().createFile(folder + "/filler")
    var size = 1 << 16
    while size > 0 {
      do {
        try filler.append([UInt8](repeating: 1, count: size))
      } catch {
        size /= 2
      }
    }
  }

  private func makeRoom() throws {
    try FileManager.default.removeItem(atPath: folder + "/filler")
  }

  @Test func `refuses what cannot be written, loses nothing, and goes on when there is room`()
    async throws
  {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let harness = try RunHarness(store: SQLiteRunStore(path: folder + "/byol.sqlite"))
    let coordinator = try harness.coordinator(.goesOn)
    let running = try await coordinator.create()
    try await coordinator.sees("checkpoint", count: 2, running)
    try fill()
    var refusal: (any Error)?
    // The write-ahead log may have room for some pages yet.
    for _ in 0..<1000 where refusal == nil {
      do {
        _ = try await coordinator.rename(
          running, name: UUID().uuidString, metadata: nil, ifVersion: nil)
      } catch {
        refusal = error
      }
    }
    #expect(refusal as? RunControlError == .diskFull)
    await #expect(throws: RunControlError.diskFull) { try await coordinator.create() }
    await #expect(throws: RunControlError.diskFull) {
      try await coordinator.stop(running, now: false)
    }
    #expect(try await coordinator.record(running).status.state == .running)
    try makeRoom()
    _ = try await coordinator.stop(running, now: false)
    _ = try await coordinator.reaches(.stopped, running)
    let second = try await coordinator.create()
    try await coordinator.sees("checkpoint", second)
    await coordinator.end(within: .seconds(10))
    #expect(try harness.store.record(second)?.status.state == .interrupted)
  }
}
