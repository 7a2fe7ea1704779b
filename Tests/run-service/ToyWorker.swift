import Checkpoints
import Durability
import Foundation
import Metrics
import Recipes
import Runs
import Synchronization
import Tensors
import Training

/// Whether somebody asked to stop: by SIGTERM, or by the end of standard input.
private let isAskedToStop = Atomic<Bool>(false)

/// A worker whose update is a few multiplications, in the steps of its recipe.
///
/// Its last state is a function of the number of updates alone, so a state that lost or repeated one
/// would show.
struct ToyWorker {
  let runDirectory: String

  func run() throws {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGTERM) { _ in isAskedToStop.store(true, ordering: .relaxed) }
    let input = Thread {
      while !FileHandle.standardInput.availableData.isEmpty {}
      isAskedToStop.store(true, ordering: .relaxed)
    }
    input.start()

    let recipe = try Recipe(decoding: DiskFileSystem().read(runDirectory + "/recipe.json"))
    let checkpoints = CheckpointFolder(directory: runDirectory + "/checkpoints")
    let newest = try checkpoints.newest()
    var state = try newest.map { try ToyState($0) } ?? ToyState()
    try checkpoints.removeLeftovers()
    report(.started(step: state.step, declared: RunFigures.declared(by: recipe)))
    while state.step < recipe.totalSteps, !isAskedToStop.load(ordering: .relaxed) {
      state.update()
      report(
        .progress(
          step: state.step,
          metrics: [
            "loss": Double(state.values[0]), "tau": recipe.tau(step: state.step - 1),
            "images_per_second": 100,
          ])
      )
      if state.step % 10 == 0 { try publish(state, checkpoints) }
      usleep(1000)
    }
    try publish(state, checkpoints)
    let isDone = state.step == recipe.totalSteps
    report(.finished(step: state.step, outcome: isDone ? .succeeded : .stopped))
  }

  private func publish(_ state: ToyState, _ checkpoints: CheckpointFolder) throws {
    try checkpoints.publish(step: state.step, state: state.file, model: state.file)
    report(.checkpoint(step: state.step))
  }

  private func report(_ report: WorkerReport) {
    let line = report.line
    _ = unsafe line.withUnsafeBytes { unsafe write(STDOUT_FILENO, $0.baseAddress, $0.count) }
  }
}

struct ToyState {
  var step = 0
  var values = [Float](repeating: 1, count: 1000)

  init() {}

  init(_ checkpoint: LoadedCheckpoint) throws {
    step = checkpoint.step
    guard let tensor = checkpoint.state["values"]?.tensor else {
      throw CheckpointError.none(directory: "values")
    }
    values = tensor.values
  }

  mutating func update() {
    for index in values.indices {
      values[index] = values[index] * 1.001 + Float((step * 31 + index * 17) % 101) / 101
    }
    step += 1
  }

  var file: Safetensors {
    Safetensors(
      arrays: [CheckpointArray(NamedTensor(name: "values", shape: [1000], values: values))],
      metadata: ["step": "\(step)"])
  }
}
