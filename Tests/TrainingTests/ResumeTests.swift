import Checkpoints
import Datasets
import Durability
import Methods
import OneDNNLowering
import Randomness
import Recipes
import TensorGraph
import Tensors
import Testing

@testable import Training

/// A run that is stopped anywhere and taken up by another worker ends with the same bytes as one that never was.
@Suite(.serialized) struct ResumeTests {
  /// What is compared of a run that has ended.
  private struct Ending: Equatable {
    /// The bytes of `state.safetensors`.
    var state: [UInt8]
    /// Every tensor of `model.safetensors`.
    var model: [NamedTensor]
  }

  private func ending(_ run: TinyRun) throws -> Ending {
    let step = run.recipe.totalSteps
    #expect(try run.newest.step == step)
    let folder = run.checkpoints.path(step: step)
    let model = try Safetensors(reading: "\(folder)/\(CheckpointFolder.modelFileName)")
    return Ending(
      state: try DiskFileSystem().read("\(folder)/\(CheckpointFolder.stateFileName)"),
      model: model.tensors)
  }

  private func undisturbed(_ precision: Precision, seed: UInt64 = 0) throws -> TinyRun {
    let run = try TinyRun()
    (run.recipe.precision, run.recipe.seed) = (precision, seed)
    try run.train()
    return run
  }

  @Test(arguments: MethodName.allCases)
  func `in float32 a run stopped at random updates ends with the same bytes`(_ method: MethodName)
    throws
  {
    try expectSameEnd(method, .float32)
  }

  @Test(
    .enabled(
      if: OneDNNLowering.bestPrecision == .bfloat16, "this processor does not multiply bfloat16"),
    arguments: MethodName.allCases)
  func `in bfloat16 a run stopped at random updates ends with the same bytes`(_ method: MethodName)
    throws
  {
    try expectSameEnd(method, .bfloat16)
  }

  private func expectSameEnd(_ method: MethodName, _ precision: Precision) throws {
    let run = try TinyRun(epochs: 1)
    (run.recipe.method, run.recipe.precision) = (method, precision)
    run.recipe.classes = method.type.options.contains(.labels) ? run.pack.labels.count : 0
    // Each method is stopped at updates of its own.
    let index = MethodName.allCases.firstIndex(of: method) ?? 0
    var stops = RandomStream(seed: 11, purpose: .demo, index: index)
    var workers = 0
    while true {
      // 0: a worker that leaves before it has done anything.
      let reports = try run.train(stoppingAfter: stops.index(below: 3))
      workers += 1
      if reports.last?.outcome == .succeeded { break }
    }
    #expect(workers > 2)
    let whole = try TinyRun(epochs: 1)
    whole.recipe = run.recipe
    try whole.train()
    let expected = try ending(whole)
    #expect(!expected.model.isEmpty)
    #expect(try ending(run) == expected)
  }

  @Test func `AdamW's moments and the one-cycle schedule are taken up too`() throws {
    func run() throws -> TinyRun {
      let run = try TinyRun(epochs: 1)
      (run.recipe.optimizer, run.recipe.rateSchedule) = (.adamw, .oneCycle)
      return run
    }
    let (whole, parts) = (try run(), try run())
    try whole.train()
    try parts.train(stoppingAfter: 2)
    try parts.train(stoppingAfter: 1)
    try parts.train()
    #expect(try ending(parts) == ending(whole))
    #expect(try whole.newest.state.arrays.contains { $0.name.hasPrefix("second_moment.") })
  }

  @Test func `a checkpoint that does not read back costs its updates, and no bit`() throws {
    let run = try TinyRun()
    try run.train(stoppingAfter: 3)
    try run.train(stoppingAfter: 2)
    let path = "\(run.checkpoints.path(step: 5))/\(CheckpointFolder.stateFileName)"
    var bytes = try DiskFileSystem().read(path)
    bytes[bytes.count - 1] ^= 1
    try DiskFileSystem().replaceFile(path, with: bytes)
    #expect(try run.train().first?.step == 3)
    #expect(try ending(run) == ending(undisturbed(.float32)))
  }

  // MARK: Negative controls

  @Test func `another seed and a lost slot are noticed`() throws {
    let expected = try ending(undisturbed(.float32))
    #expect(try ending(undisturbed(.float32, seed: 1)) != expected)

    let run = try TinyRun()
    try run.train(stoppingAfter: 4)
    var state = try run.newest.state
    let slot = try #require(state.arrays.firstIndex { $0.name.hasPrefix("velocity.") })
    var tensor = try #require(state.arrays[slot].tensor)
    #expect(tensor.values.contains { $0 != 0 })
    tensor.values = tensor.values.map { _ in 0 }
    state.arrays[slot] = CheckpointArray(tensor)
    try DiskFileSystem().removeAll(run.checkpoints.path(step: 4))
    try run.checkpoints.publish(step: 4, state: state, model: state)
    try run.train()
    let found = try ending(run)
    #expect(found.state != expected.state && found.model != expected.model)
  }

  // MARK: Threads

  @Test func `a run that goes on with another number of threads says so`() throws {
    let run = try TinyRun(epochs: 1)
    let first = try run.train(run.worker(threads: 1), stoppingAfter: 2)
    #expect(first.first?.threads == 1 && first.first?.warning == nil)
    #expect(try run.newest.state.metadata["byol.threads"] == "1")
    #expect(try run.train(run.worker(threads: 1), stoppingAfter: 1).first?.warning == nil)

    let changed = try #require(try run.train(run.worker(threads: 2), stoppingAfter: 1).first)
    #expect(changed.threads == 2 && changed.warning?.code == "threads_changed")
    #expect(changed.warning?.detail.contains("2 threads from a checkpoint of 1") == true)
    // From then on the checkpoints are those of two threads.
    #expect(try run.train(run.worker(threads: 2)).first?.warning == nil)
  }

  @Test func `a started report of an earlier version is read`() throws {
    let old = Array(#"{"kind":"started","step":3,"declared":[]}"#.utf8)
    let report = try #require(WorkerReport(line: old))
    #expect(report.step == 3 && report.threads == nil && report.warning == nil)
    // What this version adds is skipped by a reader that does not know it, as anything unknown is here.
    let new = Array(#"{"kind":"started","step":3,"declared":[],"tomorrow":{"a":[1]}}"#.utf8)
    #expect(WorkerReport(line: new) == report)
  }
}
