import Checkpoints
import Durability
import Foundation
import Identifiers
import Recipes
import RunDatabase
import Runs
import Testing

/// What nobody refers to in a data folder, and whether one holds together.
@Suite struct DataFolderTests {
  private let folder: TemporaryFolder
  private let run = "0199e6a2-6f0c-7c1e-9a55-0c7bb3f1a001"

  init() throws {
    folder = try TemporaryFolder()
    for name in ["datasets", "runs", "indexes"] { try make(name + "/") }
  }

  /// Makes a file, or a folder where the name ends in a slash.
  private func make(_ name: String, _ text: String = "x") throws {
    let path = folder.path + "/" + name
    let isFolder = name.hasSuffix("/")
    let parent = isFolder ? path : URL(fileURLWithPath: path).deletingLastPathComponent().path
    try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
    if !isFolder { try Data(text.utf8).write(to: URL(fileURLWithPath: path)) }
  }

  private func garbage(_ runs: Set<String> = []) throws -> [String: DataFolderGarbage.Kind] {
    let items = try DataFolderGarbage.find(in: folder.path, runs: runs)
    #expect(items.allSatisfy { $0.byteCount > 0 })
    return Dictionary(uniqueKeysWithValues: items.map { ($0.path, $0.kind) })
  }

  @Test func `an ordered data folder has no garbage`() throws {
    try make("byol.sqlite")
    try make("datasets/d/dataset.json", #"{"id":"d","size_bytes":1}"#)
    try make("datasets/d/pack")
    try make(
      "runs/\(run)/recipe.json", String(decoding: try RunHarness.recipe().encoded, as: UTF8.self))
    try make("runs/\(run)/checkpoints/1/model.safetensors")
    try make("runs/\(run)/evaluations/e.json")
    try make("indexes/i.json", #"{"state":"succeeded"}"#)
    try make("indexes/i/vectors.npy")
    try make("indexes/j.json", #"{"state":"running"}"#)
    try make("indexes/j.partial/items")
    try make("indexes/j.model")
    #expect(try garbage([run]) == [:])
  }

  @Test func `leftovers, orphans and checkpoints beyond retention are found, each as what it is`()
    throws
  {
    try make("byol.sqlite.writing")
    try make("datasets/.incoming-1")
    try make("datasets/e/pack")
    try make("datasets/f/dataset.json", "no JSON")
    try make("runs/.removing-2/worker.log")
    try make("models/.incoming-3/model.safetensors")
    try make("models/m/evaluations/e.json.writing")
    try make("models/aliases.json", "[]")
    try make("runs/other/recipe.json")
    try make(
      "runs/\(run)/recipe.json", String(decoding: try RunHarness.recipe().encoded, as: UTF8.self))
    for step in 1...5 { try make("runs/\(run)/checkpoints/\(step)/model.safetensors") }
    try make("runs/\(run)/checkpoints/.writing-6/model.safetensors")
    let checkpoints = CheckpointFolder(directory: "\(folder.path)/runs/\(run)/checkpoints")
    _ = try checkpoints.pin(step: 1, at: 1)
    try make("runs/\(run)/evaluations/e.json.writing")
    try make("indexes/k/vectors.npy")
    try make("indexes/k.model")
    #expect(
      try garbage([run]) == [
        "byol.sqlite.writing": .temporary, "datasets/.incoming-1": .temporary,
        "datasets/e": .orphanDataset, "datasets/f": .orphanDataset,
        "models/.incoming-3": .temporary, "models/m/evaluations/e.json.writing": .temporary,
        "runs/.removing-2": .temporary, "runs/other": .orphanRun,
        "runs/\(run)/checkpoints/2": .checkpoint, "runs/\(run)/checkpoints/3": .checkpoint,
        "runs/\(run)/checkpoints/.writing-6": .temporary,
        "runs/\(run)/evaluations/e.json.writing": .temporary, "indexes/k": .orphanIndex,
        "indexes/k.model": .orphanIndex,
      ])
    let items = try DataFolderGarbage.find(in: folder.path, runs: [run])
    try DataFolderGarbage.remove(items.filter { !$0.kind.isOrphan }, from: folder.path)
    #expect(try garbage([run]).values.allSatisfy { $0.isOrphan })
    #expect(try checkpoints.steps() == [1, 4, 5])
  }

  @Test func `a run whose recipe does not read keeps its checkpoints`() throws {
    try make("runs/\(run)/recipe.json", "{}")
    for step in 1...5 { try make("runs/\(run)/checkpoints/\(step)/model.safetensors") }
    #expect(try garbage([run]) == [:])
  }

  @Test func `a folder that holds together has no faults, and each damage is one`() throws {
    try make("datasets/d/dataset.json", #"{"id":"d","size_bytes":4}"#)
    try make("datasets/d/pack", "1234")
    try make(
      "runs/\(run)/recipe.json", String(decoding: try RunHarness.recipe().encoded, as: UTF8.self))
    try make("indexes/i.json", #"{"state":"succeeded"}"#)
    try make("indexes/i/vectors.npy")
    let sound = try DataFolderCheck.report(on: folder.path, runs: [run])
    #expect(sound.faults == [])
    #expect((sound.runs, sound.datasets, sound.indexes) == (1, 1, 1))
    try make("datasets/d/pack", "123")
    try make("datasets/e/pack")
    try make("models/m/model.safetensors")
    try make("runs/\(run)/recipe.json", "{}")
    try make("runs/\(run)/checkpoints/7/state.safetensors")
    try FileManager.default.removeItem(atPath: folder.path + "/indexes/i")
    let report = try DataFolderCheck.report(on: folder.path, runs: [run])
    #expect(report.faults.count == 6, "\(report.faults)")
    #expect(report.faults.contains("Dataset d: its files have 3 bytes of 4."))
  }

  @Test func `a database of another kind is refused without being changed`() throws {
    let path = folder.path + "/byol.sqlite"
    try make("byol.sqlite", String(repeating: "no database ", count: 100))
    #expect(throws: (any Error).self) { try SQLiteRunStore.examine(path: path) }
    try FileManager.default.removeItem(atPath: path)
    #expect(throws: (any Error).self) { try SQLiteRunStore.examine(path: path) }
    #expect(!FileManager.default.fileExists(atPath: path))
    do {
      _ = try SQLiteRunStore(path: path)
    }
    try SQLiteRunStore.examine(path: path, wholly: true)
    #expect(try SQLiteRunStore.runIdentifiers(path: path) == [])
  }
}
