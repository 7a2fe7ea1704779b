import Engines
import ReferenceLowering
import TensorGraph
import Tensors
import Testing

/// The list of engines, and what an engine promises.
@Suite struct EnginesTests {
  private func graph() -> Graph {
    let recorder = Recorder()
    let x = recorder.input("x", [2, 3])
    recorder.output("y", (x * 2).relu() + x)
    return recorder.graph
  }

  private func results(_ program: any Program) throws -> [Float] {
    program.write([1, -2, 3, -4, 5, -6], to: "x")
    try program.run()
    return program.read("y")
  }

  @Test func `an engine is found by its name, and no two have one name`() {
    #expect(Engines.all.map(\.name) == ["onednn", "reference"])
    for engine in Engines.all { #expect(Engines.named(engine.name)?.name == engine.name) }
    #expect(Engines.named("oneDNN") == nil)
  }

  @Test(arguments: Engines.all) func `an engine computes in all its precisions`(
    _ engine: Engine
  ) throws {
    #expect(engine.precisions.contains(engine.bestPrecision))
    for precision in engine.precisions {
      let lowering = engine.lowering(threads: ThreadBudget(1), precision: precision)
      #expect(try results(lowering.compile(graph())) == [3, -2, 9, -4, 15, -6])
    }
  }

  @Test func `a precision that an engine lacks is refused with its name before anything is made`() {
    let engine = Engine(name: "narrow", precisions: [.float32]) { settings in
      precondition(settings.precision == .float32)
      return ReferenceLowering()
    }
    let lowering = engine.lowering(threads: ThreadBudget(1), precision: .bfloat16)
    let error = #expect(throws: LoweringError.self) { try lowering.compile(graph()) }
    #expect(
      error
        == .unsupported("bfloat16 by the engine narrow on this machine; it computes in float32"))
  }

  @Test(arguments: Engines.all.filter { $0.precisions.contains(.bfloat16) == false })
  func `bfloat16 is refused where an engine lacks it`(_ engine: Engine) {
    let lowering = engine.lowering(threads: ThreadBudget(1), precision: .bfloat16)
    #expect(throws: LoweringError.self) { try lowering.compile(graph()) }
  }

  @Test func `the settings reach the lowering`() throws {
    let lowering = Engines.oneDNN.lowering(
      threads: ThreadBudget(1), precision: .float32, memoryLimitByteCount: 10)
    #expect(throws: LoweringError.self) { try lowering.compile(graph()) }
  }

  @Test(arguments: Engines.all) func `each step of an inspected run is told once, in order`(
    _ engine: Engine
  ) throws {
    let lowering = engine.lowering(threads: ThreadBudget(1), precision: .float32)
    let program = try #require(try lowering.compile(graph()).inspection)
    var steps: [Int] = []
    try program.run { steps.append($0) }
    #expect(steps == Array(program.steps.indices) && !steps.isEmpty)
    #expect(program.byteCount >= program.arenaByteCount && program.byteCount > 0)
  }

  /// An engine that compiles a graph into one executable has nothing to show; it runs all the same.
  @Test func `a program that shows nothing can be run`() throws {
    let program = try ClosedLowering().compile(graph())
    #expect(program.inspection == nil)
    #expect(try results(program) == [3, -2, 9, -4, 15, -6])
  }
}

/// The reference without its inspection.
private struct ClosedLowering: Lowering {
  func compile(_ graph: Graph) throws(LoweringError) -> any Program {
    ClosedProgram(try ReferenceLowering().compile(graph))
  }
}

private final class ClosedProgram: Program {
  private let program: any Program

  init(_ program: any Program) { self.program = program }

  func write(_ values: [Float], to name: String) { program.write(values, to: name) }
  func write(channelsLast values: Span<Float>, to name: String) {
    program.write(channelsLast: values, to: name)
  }
  func read(_ name: String) -> [Float] { program.read(name) }
  func run() throws(LoweringError) { try program.run() }
}
