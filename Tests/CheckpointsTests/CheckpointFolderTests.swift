import Checkpoints
import Durability
import FaultyDisk
import Foundation
import Tensors
import Testing

@Suite struct `Checkpoint folders` {
  private let folder: TemporaryFolder
  private var directory: String { folder.path + "/checkpoints" }

  init() throws { folder = try TemporaryFolder() }

  private func contents(_ step: Int, salt: Float = 0) -> Safetensors {
    Safetensors(
      arrays: [
        CheckpointArray(
          NamedTensor(
            name: "w", shape: [4], values: [Float](repeating: Float(step) + salt, count: 4)))
      ], metadata: ["step": "\(step)"])
  }

  private func publish(
    _ step: Int, salt: Float = 0, on fileSystem: any FileSystem = DiskFileSystem()
  )
    throws(CheckpointError)
  {
    try CheckpointFolder(directory: directory, fileSystem: fileSystem)
      .publish(step: step, state: contents(step, salt: salt), model: contents(step, salt: salt))
  }

  private var reopened: CheckpointFolder { CheckpointFolder(directory: directory) }

  @Test func `the newest two remain, and the newest is read`() throws {
    #expect(try reopened.newest() == nil)
    for step in [5, 10, 100] { try publish(step) }
    #expect(try reopened.steps() == [10, 100])
    let newest = try #require(try reopened.newest())
    #expect(newest.step == 100 && newest.state.metadata["step"] == "100" && newest.refused.isEmpty)
    #expect(
      try DiskFileSystem().names(in: reopened.path(step: 10)) == [
        "model.safetensors", "state.safetensors",
      ])
  }

  @Test func `a damaged newest checkpoint gives way to the one before`() throws {
    try publish(1)
    try publish(2)
    try Data([1, 2, 3]).write(
      to: URL(fileURLWithPath: reopened.path(step: 2) + "/state.safetensors"))
    let newest = try #require(try reopened.newest())
    #expect(newest.step == 1 && newest.refused.map(\.step) == [2])
    try FileManager.default.removeItem(atPath: reopened.path(step: 1) + "/state.safetensors")
    #expect(throws: CheckpointError.self) { try reopened.newest() }
  }

  @Test func `the same step is kept if it reads back, and replaced if not`() throws {
    try publish(3)
    try publish(3, salt: 0.5)
    #expect(try reopened.newest()?.state == contents(3))
    try Data([1]).write(to: URL(fileURLWithPath: reopened.path(step: 3) + "/state.safetensors"))
    try publish(3, salt: 0.5)
    #expect(try reopened.newest()?.state == contents(3, salt: 0.5))
  }

  @Test func `leftovers of a crash are no checkpoints and go away`() throws {
    try publish(1)
    for name in [".writing-2", ".removing-0"] {
      try FileManager.default.createDirectory(
        atPath: directory + "/" + name, withIntermediateDirectories: true)
      try Data([1]).write(to: URL(fileURLWithPath: directory + "/\(name)/state.safetensors"))
    }
    #expect(try reopened.steps() == [1])
    try reopened.removeLeftovers()
    #expect(try DiskFileSystem().names(in: directory) == ["1"])
  }

  private func failureOfPublishing(_ step: Int, on fileSystem: any FileSystem) -> CheckpointError? {
    do throws(CheckpointError) {
      try publish(step, on: fileSystem)
      return nil
    } catch {
      return error
    }
  }

  /// SQLite's loop: fail the first operation, then the second, … until all of them succeed.
  @Test func `whichever operation fails, old or new is there, never neither`() throws {
    var failing = 1
    var (sawOld, sawNew) = (false, false)
    while true {
      try? FileManager.default.removeItem(atPath: directory)
      try publish(1)
      try publish(2)
      let fileSystem = FaultyFileSystem(failing: failing)
      let failure = failureOfPublishing(3, on: fileSystem)
      let newest = try #require(try reopened.newest(), "operation \(failing)")
      #expect(newest.refused.isEmpty, "operation \(failing)")
      #expect(newest.step == 2 || newest.step == 3)
      #expect(newest.state == contents(newest.step))
      (sawOld, sawNew) = (sawOld || newest.step == 2, sawNew || newest.step == 3)
      guard fileSystem.hasFailed else {
        #expect(failure == nil && newest.step == 3)
        break
      }
      #expect(failure != nil, "operation \(failing) failed and nobody was told")
      // And the next attempt, on a disk that works, succeeds.
      try reopened.removeLeftovers()
      try publish(3)
      #expect(try reopened.steps() == [2, 3])
      failing += 1
    }
    #expect(failing > 20 && sawOld && sawNew)
  }
}

// MARK: - Pins

extension `Checkpoint folders` {
  @Test func `a pinned checkpoint outlives newer ones until it is unpinned`() throws {
    for step in [1, 2] { try publish(step) }
    #expect(try reopened.pin(step: 1, at: 77))
    for step in [3, 4, 5] { try publish(step) }
    #expect(try reopened.steps() == [1, 4, 5])
    #expect(try reopened.pins() == [1: 77])
    #expect(try reopened.newest()?.step == 5)
    try reopened.removeLeftovers()
    #expect(try reopened.pins() == [1: 77])
    try reopened.unpin(step: 1)
    try reopened.unpin(step: 1)
    #expect(try reopened.pins() == [:])
    try publish(6)
    #expect(try reopened.steps() == [5, 6])
  }

  @Test func `what is not there cannot be pinned, and a mark without a checkpoint is no pin`()
    throws
  {
    #expect(try !reopened.pin(step: 1, at: 0))
    try publish(1)
    #expect(try !reopened.pin(step: 2, at: 0))
    #expect(try DiskFileSystem().names(in: directory) == ["1"])
    try DiskFileSystem().replaceFile(directory + "/pinned-9", with: Array("5".utf8))
    #expect(try reopened.pins() == [:])
  }

  /// Fail the first operation of a retention, then the second, … until all of them succeed.
  @Test func `whichever operation fails, the pinned and the newest remain`() throws {
    var failing = 1
    while true {
      try? FileManager.default.removeItem(atPath: directory)
      for step in [1, 2] { try publish(step) }
      #expect(try reopened.pin(step: 1, at: 1))
      try publish(3)
      let fileSystem = FaultyFileSystem(failing: failing)
      try? publish(4, on: fileSystem)
      let steps = try reopened.steps()
      #expect(steps.contains(1) && steps.contains(3), "operation \(failing): \(steps)")
      guard fileSystem.hasFailed else {
        #expect(steps == [1, 3, 4])
        break
      }
      failing += 1
    }
    #expect(failing > 20)
  }

  /// The order that `pin` and `retain` rest on: a mark that is there when the folder is aside brings it back.
  @Test func `a checkpoint that is pinned while it is being removed comes back`() throws {
    for step in [1, 2] { try publish(step) }
    let folder = CheckpointFolder(
      directory: directory, fileSystem: PinningFileSystem(mark: directory + "/pinned-1"))
    try folder.retain(last: 1)
    #expect(try reopened.steps() == [1, 2])
    #expect(try DiskFileSystem().names(in: directory) == ["1", "2", "pinned-1"])
  }
}

/// Writes a mark as soon as a folder has been renamed: another process at the worst moment.
private struct PinningFileSystem: FileSystem {
  let disk = DiskFileSystem()
  let mark: String

  func rename(_ path: String, to newPath: String) throws(FileSystemError) {
    try disk.rename(path, to: newPath)
    try disk.replaceFile(mark, with: Array("1".utf8))
  }

  func createDirectory(_ path: String) throws(FileSystemError) { try disk.createDirectory(path) }
  func createFile(_ path: String) throws(FileSystemError) -> any WritableFile {
    try disk.createFile(path)
  }
  func createPrivateFile(_ path: String) throws(FileSystemError) -> any WritableFile {
    try disk.createPrivateFile(path)
  }
  func openFile(_ path: String, keeping byteCount: Int) throws(FileSystemError)
    -> any WritableFile
  {
    try disk.openFile(path, keeping: byteCount)
  }
  func synchronizeDirectory(_ path: String) throws(FileSystemError) {
    try disk.synchronizeDirectory(path)
  }
  func exchange(_ path: String, _ other: String) throws(FileSystemError) {
    try disk.exchange(path, other)
  }
  func remove(_ path: String) throws(FileSystemError) { try disk.remove(path) }
  func names(in path: String) throws(FileSystemError) -> [String] { try disk.names(in: path) }
  func isDirectory(_ path: String) -> Bool { disk.isDirectory(path) }
  func read(_ path: String) throws(FileSystemError) -> [UInt8] { try disk.read(path) }
  func stamp(of path: String) throws(FileSystemError) -> FileStamp? { try disk.stamp(of: path) }
}
