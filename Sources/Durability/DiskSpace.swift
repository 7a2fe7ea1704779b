import Foundation
import Glibc

/// What a file system has and has left.
public struct DiskSpace: Hashable, Sendable {
  /// Bytes of the whole file system.
  public var totalByteCount: Int
  /// Bytes that an ordinary user may still write.
  public var freeByteCount: Int

  /// The space of the file system that holds a path; nil where there is no such path.
  public init?(at path: String) {
    guard let attributes = try? FileManager.default.attributesOfFileSystem(forPath: path),
      let total = attributes[.systemSize] as? NSNumber,
      let free = attributes[.systemFreeSize] as? NSNumber
    else { return nil }
    (totalByteCount, freeByteCount) = (total.intValue, free.intValue)
  }
}

/// Bytes on disk, counted entry by entry until a budget of entries is used up.
public struct DiskCount: Hashable, Sendable {
  /// Entries that may still be looked at.
  public private(set) var budget: Int
  /// Whether some entries were left out, because the budget was used up.
  public private(set) var isCutShort = false

  /// A count that looks at `budget` files and folders at most.
  public init(budget: Int) { self.budget = budget }

  /// Bytes of the blocks that a file, or a folder with everything below it, takes; 0 where there is none. Links are not
  /// followed, and what is removed meanwhile counts nothing.
  public mutating func byteCount(of path: String) -> Int {
    var waiting = [path]
    var sum = 0
    while let next = waiting.popLast() {
      guard budget > 0 else {
        isCutShort = true
        return sum
      }
      budget -= 1
      var status = stat()
      guard unsafe lstat(next, &status) == 0 else { continue }
      // stat(2): st_blocks is in units of 512 bytes whatever the block size.
      sum += Int(status.st_blocks) * 512
      guard status.st_mode & S_IFMT == S_IFDIR else { continue }
      let names = (try? DiskFileSystem().names(in: next)) ?? []
      waiting += names.map { next + "/" + $0 }
    }
    return sum
  }
}

extension DiskFileSystem {
  /// The length of a file in bytes; 0 where there is none.
  public func byteCount(ofFile path: String) -> Int {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return (attributes?[.size] as? NSNumber)?.intValue ?? 0
  }
}
