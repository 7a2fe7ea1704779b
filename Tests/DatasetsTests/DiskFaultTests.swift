import Datasets
import Durability
import FaultyDisk
import Testing

/// Whatever change of the disk fails, a pack is there whole or not at all.
@Suite(.timeLimit(.minutes(2))) struct DiskFaultTests {
  let directory: TemporaryDirectory
  let source: DatasetSource

  init() throws {
    directory = try TemporaryDirectory()
    let entries = try labelledEntries(trainPerLabel: 140)
    source = .archive(path: try directory.write(tar(entries), to: "source.tar"))
  }

  @Test(arguments: [false, true])
  func `an admission whose disk fails leaves no pack, and the next one is whole`(
    recovers: Bool
  ) throws {
    let whole = directory.path + "/whole"
    try admit(source: source, into: whole)
    let into = directory.path + "/d"
    var failing = 1
    while true {
      let fileSystem = FaultyFileSystem(failing: failing, recovers: recovers)
      var failure: AdmissionError?
      do throws(AdmissionError) {
        try admit(source: source, into: into, fileSystem: fileSystem)
      } catch { failure = error }
      guard fileSystem.hasFailed else {
        #expect(failure == nil)
        break
      }
      guard case .pack(.system(_, _, errno: 28)) = failure else {
        Issue.record("change \(failing): \(String(describing: failure))")
        return
      }
      let left = try directory.names().filter { $0.hasPrefix("d") }
      // A disk that stays full may keep what was begun, under the other name; one that is lost after the last
      // renaming keeps the whole pack.
      #expect(
        recovers ? left.isEmpty : left.allSatisfy { isWholeOrPartial($0) },
        "change \(failing): \(left)")
      try? DiskFileSystem().removeAll(into)
      failing += 1
    }
    #expect(failing > 12)
    for name in ["pack", "index", "report.json"] {
      #expect(try fileBytes(into + "/" + name) == fileBytes(whole + "/" + name))
    }
  }

  private func isWholeOrPartial(_ name: String) -> Bool {
    name == "d.partial" || (try? Pack(directory: directory.path + "/" + name).verify()) != nil
  }
}
