import Checkpoints
import Durability
import FaultyDisk
import Recipes
import Tensors
import Testing

@testable import Training

/// What a session leaves behind when it fails.
@Suite(.serialized) struct SessionFaultTests {
  /// A run of which three updates are done and in a checkpoint.
  private func begun() throws -> TinyRun {
    let run = try TinyRun()
    try run.train(stoppingAfter: 3)
    return run
  }

  /// The error that training ends with.
  private func error(_ run: TinyRun, _ worker: TrainingWorker? = nil) -> (any Error)? {
    do {
      try run.train(worker, updateTime: .seconds(1))
      return nil
    } catch {
      return error
    }
  }

  /// Expects that nothing is newer than the checkpoint of `begun`, which is whole.
  private func expectIntact(_ run: TinyRun, _ before: LoadedCheckpoint) throws {
    let newest = try run.newest
    #expect(newest.step == 3 && newest.refused.isEmpty)
    #expect(newest.state == before.state)
  }

  // MARK: Numbers that are not finite

  @Test func `a learning rate far too high ends the run, and the last checkpoint stays`() throws {
    let run = try begun()
    let before = try run.newest
    run.recipe.optimizer = .sgd
    run.recipe.baseLearningRate = 1e38
    guard case TrainingError.lossNotFinite(let step)? = error(run) else {
      Issue.record("Training went on.")
      return
    }
    // The loss of update 3 is that of the good weights.
    #expect(step == 4)
    try expectIntact(run, before)
  }

  @Test(arguments: [Float.nan, .infinity])
  func `a checkpoint with a weight that is not finite is not taken up`(_ value: Float) throws {
    let run = try begun()
    var state = try run.newest.state
    let name = "online.encoder.conv1.weight"
    let index = try #require(state.arrays.firstIndex { $0.name == name })
    var tensor = try #require(state.arrays[index].tensor)
    tensor.values[0] = value
    state.arrays[index] = CheckpointArray(tensor)
    try run.checkpoints.publish(step: 4, state: state, model: state)
    guard case TrainingError.stateNotFinite(step: 4, name)? = error(run) else {
      Issue.record("Training went on.")
      return
    }
    // The checkpoint before it is there to go back to.
    #expect(try run.checkpoints.steps() == [3, 4])
    #expect(try run.checkpoints.state(step: 3).tensors.allSatisfy(\.isFinite))
  }

  @Test func `weights that overflow while the loss is finite are not published`() throws {
    let run = try begun()
    let before = try run.newest
    run.recipe.optimizer = .sgd
    (run.recipe.baseLearningRate, run.recipe.weightDecay) = (1e38, 1e38)
    run.recipe.checkpointEverySteps = 1
    guard case TrainingError.stateNotFinite(step: 4, _)? = error(run) else {
      Issue.record("The weights were published.")
      return
    }
    try expectIntact(run, before)
  }

  // MARK: A full disk

  @Test func `a disk that is full at any write leaves the checkpoint before intact`() throws {
    let run = try begun()
    let before = try run.newest
    var failing = 1
    var failures = 0
    // Every one of the first changes, then one in a few: each tensor is a write of its own.
    while true {
      var worker = run.worker()
      let fileSystem = FaultyFileSystem(failing: failing)
      worker.fileSystem = fileSystem
      worker.recipe.checkpointEverySteps = 1
      guard let error = error(run, worker) else { break }
      guard case CheckpointError.fileSystem(let cause) = error else { throw error }
      #expect(cause.isDiskFull && fileSystem.hasFailed)
      failures += 1
      if try run.newest.step > 3 { break }
      try expectIntact(run, before)
      failing += failing < 8 ? 1 : 16
    }
    #expect(failures > 8)
    // With room again the run goes on to its end.
    #expect(try run.train().last == .finished(step: 10, outcome: .succeeded))
  }
}
