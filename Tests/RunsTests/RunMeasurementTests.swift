import Checkpoints
import Durability
import Foundation
import Runs
import Testing

@Suite(.timeLimit(.minutes(1))) struct `Run measurements` {
  private func measure(_ coordinator: RunCoordinator, dataset: String = "pictures") async throws
    -> RunMeasurement
  {
    try await coordinator.measure(
      try RunHarness.recipe(), dataset: dataset, resources: RunResources())
  }

  @Test func `the last figures of the process are the measurement, and it leaves nothing`()
    async throws
  {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.finishes)
    let measured = try await measure(coordinator)
    #expect(measured == RunMeasurement(imagesPerSecond: 64, memoryBytes: 2000))
    #expect(try DiskFileSystem().names(in: harness.folder.path + "/runs").isEmpty)
    #expect(try await coordinator.counts().isEmpty)
    // The same recipe again needs no process, and its speed serves the queue.
    try FileManager.default.removeItem(atPath: harness.folder.path + "/fake-worker.sh")
    #expect(try await measure(coordinator) == measured)
  }

  @Test func `one that takes too long is killed and says so`() async throws {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.hangs) { $0.measureLimit = .milliseconds(200) }
    let began = ContinuousClock.now
    let measured = try await measure(coordinator)
    #expect(ContinuousClock.now - began < .seconds(60))  // it would hang for ever
    #expect(measured.imagesPerSecond == nil)
    #expect(measured.failure?.contains("No update was done within") == true)
  }

  @Test func `what the process refuses is the reason`() async throws {
    let harness = try RunHarness()
    #expect(
      try await measure(harness.coordinator(.fails)).failure == "The plan needs too much.")
  }

  @Test func `a dataset that is gone is the reason`() async throws {
    let coordinator = try RunHarness().coordinator(.finishes)
    #expect(try await measure(coordinator, dataset: "missing").failure == "The dataset is gone.")
  }

  @Test func `who asks last is answered`() async throws {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.hangs) { $0.measureLimit = .seconds(60) }
    async let first = measure(coordinator)
    while try DiskFileSystem().names(in: harness.folder.path + "/runs").isEmpty {
      await Task.yield()
    }
    async let second = measure(coordinator)
    #expect(try await first.failure?.contains("Another recipe was measured") == true)
    await coordinator.end(within: .seconds(5))
    #expect(try await second.imagesPerSecond == nil)
  }

  @Test func `what a service that died left of a measurement is removed`() async throws {
    let harness = try RunHarness()
    let left = harness.folder.path + "/runs/.measuring-x"
    try FileManager.default.createDirectory(atPath: left, withIntermediateDirectories: true)
    let coordinator = try harness.coordinator(.finishes)
    try await coordinator.begin()
    #expect(!DiskFileSystem().isDirectory(left))
    await coordinator.end(within: .seconds(1))
  }
}
