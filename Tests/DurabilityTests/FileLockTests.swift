import Durability
import Foundation
import Synchronization
import Testing

@Suite final class `Locks on files` {
  private let folder = NSTemporaryDirectory() + "byol-lock-\(UUID().uuidString)"
  private var path: String { folder + "/index.lock" }

  init() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  @Test func `a temporary lock's file is there while it is held, and not afterwards`() throws {
    let lock = try #require(try FileLock(path: path, isTemporary: true))
    #expect(FileManager.default.fileExists(atPath: path))
    #expect(try FileLock(path: path, isTemporary: true) == nil)
    lock.release()
    #expect(!FileManager.default.fileExists(atPath: path))
    // Released again, it takes nobody else's file away.
    let next = try #require(try FileLock(path: path, isTemporary: true))
    lock.release()
    #expect(FileManager.default.fileExists(atPath: path))
    next.release()
    // What a killed process has left is taken over.
    try Data().write(to: URL(filePath: path))
    let after = try #require(try FileLock(path: path, isTemporary: true))
    after.release()
    #expect(!FileManager.default.fileExists(atPath: path))
    // A lasting one stays.
    let lasting = try #require(try FileLock(path: path))
    lasting.release()
    #expect(FileManager.default.fileExists(atPath: path))
  }

  @Test func `of many who take and remove a lock at once no two have it together`() throws {
    let path = path
    let holders = Atomic(0)
    let most = Atomic(0)
    let taken = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: 4) { _ in
      for _ in 0..<2000 {
        guard let lock = try? FileLock(path: path, isTemporary: true) else { continue }
        let count = holders.add(1, ordering: .sequentiallyConsistent).newValue
        most.max(count, ordering: .sequentiallyConsistent)
        taken.add(1, ordering: .sequentiallyConsistent)
        holders.subtract(1, ordering: .sequentiallyConsistent)
        lock.release()
      }
    }
    #expect(most.load(ordering: .sequentiallyConsistent) == 1)
    #expect(taken.load(ordering: .sequentiallyConsistent) > 100)
    #expect(!FileManager.default.fileExists(atPath: path))
  }
}
