import Checkpoints
import Durability
import Foundation
import Identifiers
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

  /// As the superuser, of whatever namespace, may do with a file system of its own.
  private func mount(_ option: String) throws {
    let mount = Process()
    mount.executableURL = URL(fileURLWithPath: "/usr/bin/mount")
    mount.arguments = ["-o", "remount,\(option)", try #require(tinyDisk)]
    try mount.run()
    mount.waitUntilExit()
    try #require(mount.terminationStatus == 0)
  }

  @Test func `that is read-only takes no service, and loses nothing by it`() async throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let id = try await createRun()
    // Nothing may be open for writing when it is mounted otherwise.
    try mount("ro")
    #expect(throws: FileSystemError.self) { try waitingCoordinator(over: MemoryRunStore()) }
    try mount("rw")
    let store = try SQLiteRunStore(path: folder + "/byol.sqlite")
    #expect(try store.record(id)?.status.state == .queued)
  }

  /// A coordinator that gives no run its turn.
  private func waitingCoordinator(over store: any RunStore) throws -> RunCoordinator {
    var settings = RunSettings(workerCommand: ["/bin/false"])
    settings.runsAtOnce = 0
    return try RunCoordinator(
      dataDirectory: folder, store: store, settings: settings, packDirectory: { $0 })
  }

  private func createRun() async throws -> Identifier {
    let coordinator = try waitingCoordinator(
      over: SQLiteRunStore(path: folder + "/byol.sqlite"))
    let id = try await coordinator.create()
    await coordinator.end(within: .seconds(1))
    return id
  }
}
