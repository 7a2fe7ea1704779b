import Checkpoints
public import Durability
import JSONTree
import Recipes

/// What a data folder holds that nobody refers to.
///
/// A service takes its own leftovers away at its start. What is found here besides is what a crash of the machine, a copy or a
/// person left, and checkpoints beyond a run's retention.
public struct DataFolderGarbage: Sendable {
  /// Why something is garbage.
  public enum Kind: String, Sendable, CaseIterable {
    /// Half-written or half-removed: its name begins with a dot, or ends in `.writing`, `.partial`, `.incomplete`.
    case temporary
    /// A checkpoint beyond `keep_checkpoints` of its run, neither the best nor pinned.
    case checkpoint
    /// A run's folder of which the database has no record. It may hold somebody's work.
    case orphanRun = "orphan_run"
    /// A dataset's folder without a record that reads.
    case orphanDataset = "orphan_dataset"
    /// Files of an index without its record.
    case orphanIndex = "orphan_index"

    /// Whether it may be somebody's work, and goes only where that is asked for.
    public var isOrphan: Bool { [.orphanRun, .orphanDataset, .orphanIndex].contains(self) }
  }

  /// One file or folder.
  public struct Item: Sendable, Hashable {
    /// Its path inside the data folder.
    public var path: String
    /// Why it is garbage.
    public var kind: Kind
    /// Bytes that it takes on disk.
    public var byteCount: Int
  }

  /// Files and folders that one search looks at for their sizes.
  public static let entries = 10_000_000

  private let folder: String
  private let runs: Set<String>
  private let fileSystem: any FileSystem
  private var count = DiskCount(budget: DataFolderGarbage.entries)
  private var items: [Item] = []

  /// All there is in a data folder, whose database has runs of these identifiers; changes nothing.
  ///
  /// Where a service uses the folder meanwhile, what is on its way in or out is among it.
  ///
  /// - Throws: `FileSystemError` where a folder cannot be read.
  public static func find(
    in folder: String, runs: Set<String>, fileSystem: any FileSystem = DiskFileSystem()
  ) throws -> [Item] {
    var search = DataFolderGarbage(folder: folder, runs: runs, fileSystem: fileSystem)
    try search.findAll()
    return search.items.sorted { $0.path < $1.path }
  }

  /// Removes what was found. Nobody else may use the folder meanwhile.
  ///
  /// - Throws: `FileSystemError`; what came before in the list is gone then.
  public static func remove(
    _ items: [Item], from folder: String, fileSystem: any FileSystem = DiskFileSystem()
  ) throws(FileSystemError) {
    for item in items { try fileSystem.removeAll(folder + "/" + item.path) }
  }

  private init(folder: String, runs: Set<String>, fileSystem: any FileSystem) {
    (self.folder, self.runs, self.fileSystem) = (folder, runs, fileSystem)
  }

  private mutating func findAll() throws {
    for name in try fileSystem.names(in: folder) where Self.isTemporary(name) {
      add(name, .temporary)
    }
    for name in try fileSystem.names(in: folder + "/datasets") { findDataset(name) }
    for name in try fileSystem.names(in: folder + "/runs") { try findRun(name) }
    for name in try fileSystem.names(in: folder + "/models") { try findModel(name) }
    let indexes = try fileSystem.names(in: folder + "/indexes")
    for name in indexes { findIndex(name, among: Set(indexes)) }
  }

  private static func isTemporary(_ name: String) -> Bool {
    name.hasPrefix(".") || [".writing", ".incomplete"].contains { name.hasSuffix($0) }
  }

  private mutating func add(_ path: String, _ kind: Kind) {
    items.append(
      Item(path: path, kind: kind, byteCount: count.byteCount(of: folder + "/" + path)))
  }

  private mutating func findDataset(_ name: String) {
    let path = "datasets/" + name
    if Self.isTemporary(name) { return add(path, .temporary) }
    let record = try? fileSystem.read("\(folder)/\(path)/dataset.json")
    let object = record.flatMap { try? JSONValue(parsing: $0).objectValue }
    if object?["id"]?.stringValue != name { add(path, .orphanDataset) }
  }

  private mutating func findModel(_ name: String) throws {
    let path = "models/" + name
    if Self.isTemporary(name) { return add(path, .temporary) }
    guard fileSystem.isDirectory("\(folder)/\(path)") else { return }
    for name in try fileSystem.names(in: "\(folder)/\(path)/evaluations")
    where Self.isTemporary(name) {
      add("\(path)/evaluations/\(name)", .temporary)
    }
  }

  private mutating func findRun(_ name: String) throws {
    let path = "runs/" + name
    if Self.isTemporary(name) { return add(path, .temporary) }
    guard runs.contains(name) else { return add(path, .orphanRun) }
    for part in ["", "/evaluations", "/checkpoints", "/best"] {
      for name in try fileSystem.names(in: folder + "/" + path + part)
      where Self.isTemporary(name) {
        add(path + part + "/" + name, .temporary)
      }
    }
    try findCheckpoints(path)
  }

  private mutating func findCheckpoints(_ path: String) throws {
    let directory = "\(folder)/\(path)"
    // Of a run whose recipe does not read nobody knows how many it keeps.
    guard let bytes = try? fileSystem.read(directory + "/recipe.json"),
      let recipe = try? Recipe(decoding: bytes)
    else { return }
    let checkpoints = CheckpointFolder(
      directory: directory + "/checkpoints", fileSystem: fileSystem)
    let pinned = try checkpoints.pins()
    let best = BestModel(runDirectory: directory, fileSystem: fileSystem).mark?.step
    for step in try checkpoints.steps().dropLast(recipe.keepCheckpoints)
    where pinned[step] == nil && step != best {
      add("\(path)/checkpoints/\(step)", .checkpoint)
    }
  }

  private mutating func findIndex(_ name: String, among names: Set<String>) {
    let path = "indexes/" + name
    if Self.isTemporary(name) { return add(path, .temporary) }
    let id = name.prefix { $0 != "." }
    if !names.contains(id + ".json") { add(path, .orphanIndex) }
  }
}
