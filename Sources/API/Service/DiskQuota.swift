import Access
import DatasetLibrary
import Foundation
import Runs

/// How much of the disk a caller may take with datasets and runs.
struct DiskQuota: Sendable {
  let access: AccessControl?
  let runs: any RunControl
  let library: DatasetLibrary

  /// What a new dataset of a caller is held to.
  func claim(of caller: String?) async throws -> DatasetClaim {
    guard let limit = limit(of: caller) else { return DatasetClaim(owner: caller) }
    return DatasetClaim(owner: caller, byteLimit: limit - (try await runBytes(of: caller)))
  }

  /// Makes sure that a new run has room, as far as can be told before it runs.
  ///
  /// - Throws: `APIError` 403 with the numbers.
  func require(_ byteCount: Int, for caller: String?) async throws {
    guard let caller, let limit = limit(of: caller) else { return }
    let used = library.byteCount(ofOwner: caller) + (try await runBytes(of: caller))
    guard byteCount > limit - used else { return }
    throw APIError(
      .quotaExceeded,
      "The run needs about \(byteCount) bytes. The key \(caller) has used \(used) of its \(limit): "
        + "remove runs or datasets of its own.")
  }

  private func limit(of caller: String?) -> Int? {
    caller.flatMap { access?.limits(of: $0)?.diskBytes }
  }

  /// Bytes of the folders of all runs of a caller.
  private func runBytes(of caller: String?) async throws -> Int {
    var (sum, last): (Int, RunRecord?) = (0, nil)
    while true {
      let page = try await runs.page(state: nil, limit: 100, after: last?.run.id)
      for record in page.records where record.run.owner == caller {
        sum += byteCount(of: runs.directory(of: record.run.id))
      }
      last = page.records.last
      guard page.hasMore, last != nil else { return sum }
    }
  }

  private func byteCount(of folder: String) -> Int {
    let files = FileManager.default
    guard let names = files.enumerator(atPath: folder) else { return 0 }
    var sum = 0
    while names.nextObject() != nil {
      sum += (names.fileAttributes?[.size] as? NSNumber)?.intValue ?? 0
    }
    return sum
  }
}
