import TensorGraph
import Tensors

/// What bounds any kernel on this machine with a lowering's threads and precision.
struct MachineRates {
  /// Bytes read or written, of operands that no cache holds.
  var bytesPerSecond: Double
  /// Multiplications, each with its addition, of a convolution that memory does not hold up.
  var multiplicationsPerSecond: Double

  /// Measures both; takes about a second.
  init(_ engine: EngineOptions) throws {
    bytesPerSecond = try MachineRates.best(engine) { recorder in
      // Out of place: the input is the host's and is kept. 16 · 64 · 256 · 256 elements are 128 or 256 MiB.
      recorder.input("x", [16, 64, 256, 256]) * 2
    } measure: {
      Double($0.byteCount)
    }
    multiplicationsPerSecond = try MachineRates.best(engine) { recorder in
      // Some kernels read feature maps alone, so a second convolution reads what the first one wrote. Its size is not one
      // that Winograd's filtering would save multiplications of.
      recorder.input("x", [32, 256, 14, 14])
        .convolved(with: recorder.variable("w", [256, 256, 3, 3]), stride: 1, padding: 1)
        .convolved(with: recorder.variable("v", [256, 256, 5, 5]), stride: 1, padding: 2)
    } measure: {
      Double($0.multiplicationCount)
    }
  }

  /// The least seconds that a step can take.
  func floor(of step: ProgramStep) -> Double {
    max(
      Double(step.byteCount) / bytesPerSecond,
      Double(step.multiplicationCount) / multiplicationsPerSecond)
  }

  /// The best rate of a graph's slowest step over some runs.
  private static func best(
    _ engine: EngineOptions, _ record: (Recorder) -> Tensor, measure: (ProgramStep) -> Double
  ) throws -> Double {
    let recorder = Recorder()
    recorder.output("y", record(recorder))
    let program = try requireInspection(
      engine.lowering().compile(recorder.graph).inspection, engine.engine)
    var best = 0.0
    for _ in 0..<10 {
      var last = monotonicSeconds()
      try program.run { step in
        let now = monotonicSeconds()
        best = max(best, measure(program.steps[step]) / (now - last))
        last = now
      }
    }
    return best
  }
}
