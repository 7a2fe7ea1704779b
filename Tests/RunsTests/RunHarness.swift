import Checkpoints
import Durability
import Foundation
import Identifiers
import JSONTree
import Recipes
import Runs
import Testing

/// A data folder, a store and coordinators whose workers are a small shell script.
///
/// The script's checkpoint is the number in the file `fake-step` of the run's directory.
struct RunHarness {
  let folder: TemporaryFolder
  let store: any RunStore

  init(store: any RunStore = MemoryRunStore()) throws {
    folder = try TemporaryFolder()
    self.store = store
    try FakeWorker.script.write(toFile: scriptPath, atomically: true, encoding: .utf8)
  }

  private var scriptPath: String { folder.path + "/fake-worker.sh" }

  func coordinator(
    _ behaviour: FakeWorker.Behaviour, fileSystem: any FileSystem = DiskFileSystem(),
    adjust: (inout RunSettings) -> Void = { _ in },
    now: @escaping @Sendable () -> Timestamp = { .now() },
    instant: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock().now }
  ) throws -> RunCoordinator {
    var settings = RunSettings(workerCommand: ["/bin/sh", scriptPath, behaviour.rawValue])
    // By default a worker takes what nobody else wants, which on a busy machine is nothing at all.
    settings.niceness = 0
    adjust(&settings)
    return try RunCoordinator(
      dataDirectory: folder.path, store: store, settings: settings,
      packDirectory: { $0 == "missing" ? nil : "/packs/\($0)" }, fileSystem: fileSystem,
      clock: RunClock(
        timeOfDay: now, instant: instant,
        pause: { length in
          // What is polled for is polled for; no other pause is waited for.
          if length < .milliseconds(100) { try await Task.sleep(for: length) }
          try Task.checkCancellation()
        }))
  }

  /// Eight updates: one epoch of 64 pictures by 8.
  static func recipe() throws -> Recipe {
    try RecipeRequest(reading: ["batch_size": 8, "epochs": 1])
      .resolve(
        dataset: DatasetSize(pictures: 64, medianShortSide: 32),
        machine: MachineSize(cores: 2, memoryByteCount: 8 << 30)
      ).recipe
  }

  static func submission(
    dataset: String = "pictures", resources: RunResources = RunResources(), owner: String? = nil
  ) throws -> RunSubmission {
    RunSubmission(
      name: "test", dataset: dataset, recipe: try recipe(), resources: resources, owner: owner)
  }
}

extension RunCoordinator {
  func create(dataset: String = "pictures") throws -> Identifier {
    try create(try RunHarness.submission(dataset: dataset)).record.run.id
  }

  /// Waits until the run has entered a state for the `count`-th time, by its events.
  func reaches(_ state: RunState, count: Int = 1, _ id: Identifier) async throws -> RunStatus {
    var left = count
    try await waitFor(id) { event in
      if event.kind == "state" && event.state == state { left -= 1 }
      return left == 0
    }
    return try record(id).status
  }

  /// Waits until an event of a kind has occurred `count` times in all.
  func sees(_ kind: String, count: Int = 1, _ id: Identifier) async throws {
    var left = count
    try await waitFor(id) { event in
      if event.kind == kind { left -= 1 }
      return left == 0
    }
  }

  private func waitFor(_ id: Identifier, _ isMet: (RunEvent) -> Bool) async throws {
    for await event in try await eventStream(id, after: 0) where isMet(event) { return }
    Issue.record("The events ended before what was waited for.")
  }
}

/// A folder that is removed when the value is released.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    path =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("byol-runs-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
