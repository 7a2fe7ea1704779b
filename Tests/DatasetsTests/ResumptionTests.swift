import Foundation
import Synchronization
import Testing

@testable import Datasets

/// What a killed admission leaves, and what the next one makes of it.
@Suite struct ResumptionTests {
  let directory: TemporaryDirectory
  let source: String

  init() throws {
    directory = try TemporaryDirectory()
    var entries = try labelledEntries(trainPerLabel: 350)
    entries.insert(ArchiveEntry(name: "set/train/cat/broken.png", bytes: [1, 2]), at: 40)
    source = try directory.write(tar(entries), to: "source.tar")
  }

  func files(_ name: String) throws -> [Data] {
    try ["pack", "index", "report.json"].map {
      try Data(contentsOf: URL(fileURLWithPath: directory.path + "/" + name + "/" + $0))
    }
  }

  /// The entries dealt with at the first call of `progress`.
  func firstProgress(into name: String) throws -> Int? {
    let first = Mutex<Int?>(nil)
    try admit(
      source: .archive(path: source), into: directory.path + "/" + name, threads: 2,
      progress: { told in first.withLock { $0 = $0 ?? told.entries } })
    return first.withLock { $0 }
  }

  /// Kills a process in the middle of an admission into `killed`.
  func kill() async {
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [source = source as String, into = directory.path + "/killed" as String] in
      try admit(
        source: .archive(path: source), into: into, threads: 2,
        progress: { if $0.entries == 512 { _ = Glibc.kill(getpid(), SIGKILL) } })
    }
  }

  @Test func `an admission goes on where it was killed, with the same result`() async throws {
    await kill()
    #expect(try directory.names().contains("killed.partial"))
    #expect(try firstProgress(into: "whole") == 256)
    #expect(try firstProgress(into: "killed") == 512)
    #expect(try files("killed") == files("whole"))
    #expect(try directory.names() == ["killed", "source.tar", "whole"])
  }

  @Test(arguments: ["pack", "journal"])
  func `what was altered since is admitted anew`(name: String) async throws {
    await kill()
    let path = "killed.partial/" + name
    var bytes = try fileBytes(directory.path + "/" + path)
    bytes[100] ^= 1
    try directory.write(bytes, to: path)
    #expect(try firstProgress(into: "killed") == 256)
    #expect(try firstProgress(into: "whole") == 256)
    #expect(try files("killed") == files("whole"))
  }

  @Test func `a source that has changed is admitted anew`() async throws {
    await kill()
    try directory.write(tar(try labelledEntries(trainPerLabel: 300)), to: "source.tar")
    #expect(try firstProgress(into: "killed") == 256)
    #expect(try firstProgress(into: "whole") == 256)
    #expect(try files("killed") == files("whole"))
  }
}
