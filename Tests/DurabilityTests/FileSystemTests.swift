import Durability
import FaultyDisk
import Foundation
import Testing

@Suite struct `File systems` {
  @Test func `whichever operation fails, a replaced file is the old or the new`() throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("byol-durability-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/recipe.json"
    var failing = 1
    while true {
      try DiskFileSystem().replaceFile(path, with: [1, 1, 1, 1])
      let fileSystem = FaultyFileSystem(failing: failing)
      try? fileSystem.replaceFile(path, with: [2, 2])
      let bytes = try DiskFileSystem().read(path)
      #expect(bytes == [1, 1, 1, 1] || bytes == [2, 2])
      guard fileSystem.hasFailed else {
        #expect(bytes == [2, 2])
        break
      }
      failing += 1
    }
    #expect(failing == 7)
  }

  @Test func `a full disk is told apart`() {
    #expect(FileSystemError(operation: "write", path: "x", code: ENOSPC).isDiskFull)
    #expect(!FileSystemError(operation: "write", path: "x", code: EIO).isDiskFull)
  }
}
