import ArgumentParser
import Durability
import Foundation
import JSONTree
import RunDatabase
import Runs

/// `byol gc`: what of a data folder nobody refers to.
struct GarbageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gc", abstract: "Remove what nobody refers to from a data folder.",
    discussion: """
      Half-written files, and checkpoints beyond keep_checkpoints of their run that are neither the best nor pinned. Folders without a \
      record may be somebody's work: they are listed, and go with --orphans. A service may not use the folder meanwhile, but for \
      --dry-run; what is on its way in or out is then in the list.
      """)

  @Option(help: "The data folder.")
  var data = "./byol-data"

  @Flag(help: "Show what would go, and its bytes; remove nothing.")
  var dryRun = false

  @Flag(help: "Remove folders of runs, datasets and indexes without a record too.")
  var orphans = false

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    let database = data + "/byol.sqlite"
    guard FileManager.default.fileExists(atPath: database) else {
      throw refusal("\(data) is no data folder: it has no byol.sqlite.")
    }
    // Held until the end: no service starts meanwhile.
    let lock = dryRun ? nil : try lockedFolder()
    defer { withExtendedLifetime(lock) { lock?.release() } }
    do {
      let items = try DataFolderGarbage.find(
        in: data, runs: try SQLiteRunStore.runIdentifiers(path: database))
      let going = items.filter { orphans || !$0.kind.isOrphan }
      if !dryRun { try DataFolderGarbage.remove(going, from: data) }
      report(items, going)
    } catch { throw refusal("\(data): \(error)", code: .failure) }
  }

  private func lockedFolder() throws -> FileLock {
    let path = data + "/service.lock"
    do throws(FileSystemError) {
      if let lock = try FileLock(path: path) { return lock }
    } catch { throw refusal("\(data) cannot be locked: \(error.reason).", code: .failure) }
    let process = FileLock.notedProcess(path: path).map { " of process \($0)" } ?? ""
    throw refusal(
      "A service\(process) uses \(data): end it first, or say --dry-run.", code: .failure)
  }

  private func report(_ items: [DataFolderGarbage.Item], _ going: [DataFolderGarbage.Item]) {
    let bytes = going.reduce(0) { $0 + $1.byteCount }
    guard !json else {
      let list = items.map { item -> JSONValue in
        [
          "path": .string(item.path), "kind": .string(item.kind.rawValue),
          "bytes": .integer(Int64(item.byteCount)), "goes": .bool(going.contains(item)),
        ]
      }
      let report: JSONValue = [
        "dry_run": .bool(dryRun), "bytes": .integer(Int64(bytes)), "items": .array(list),
      ]
      return print(String(decoding: report.encoded, as: UTF8.self))
    }
    for item in items {
      let note = going.contains(item) ? "" : "  (stays; --orphans removes it)"
      print("\(item.kind.rawValue)  \(inWords(bytes: item.byteCount))  \(item.path)\(note)")
    }
    print(
      "\(going.count) of \(items.count), \(inWords(bytes: bytes)), \(dryRun ? "would go" : "are gone")."
    )
  }
}
