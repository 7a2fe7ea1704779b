import TensorGraph
import Tensors
import Testing

@testable import OneDNNLowering

/// Which values of a graph share bytes.
@Suite struct AliasTests {
  private func aliases(_ recorder: Recorder) -> Aliases {
    Aliases(recorder.graph, readers: recorder.graph.readers)
  }

  @Test func `a variable donates its bytes to the value that an elementwise kernel makes of it`() {
    let recorder = Recorder()
    let w = recorder.variable("w", [4])
    let next = w * 0.5
    recorder.assign(next, to: w)
    #expect(aliases(recorder).donors == [next.value: w.value.node])
    #expect(!aliases(recorder).isInArena(next.value))
    #expect(aliases(recorder).description == "%1.0 takes over %0")
  }

  @Test func `a variable that is read after its next value is made keeps its bytes`() {
    let recorder = Recorder()
    let w = recorder.variable("w", [4])
    let next = w * 0.5
    recorder.output("later", next + w)
    recorder.assign(next, to: w)
    #expect(aliases(recorder).donors.isEmpty)
    #expect(aliases(recorder).isInArena(next.value))
  }

  @Test func `a variable that is read later through a stopped gradient keeps its bytes`() {
    let recorder = Recorder()
    let w = recorder.variable("w", [4])
    let stopped = w.stoppingGradient()
    let next = w * 0.5
    recorder.output("later", next + stopped)
    recorder.assign(next, to: w)
    #expect(aliases(recorder).donors.isEmpty)
    #expect(aliases(recorder).root(stopped.value) == w.value)
    #expect(!aliases(recorder).isInArena(stopped.value))
  }

  @Test func `a variable that is an output keeps its bytes`() {
    let recorder = Recorder()
    let w = recorder.variable("w", [4])
    recorder.output("before", w)
    recorder.assign(w * 0.5, to: w)
    #expect(aliases(recorder).donors.isEmpty)
  }

  @Test func `a kernel that reads an element after it has written others takes no bytes over`() {
    let recorder = Recorder()
    let w = recorder.variable("w", [4, 4])
    recorder.assign(w.multiplied(by: w), to: w)
    #expect(aliases(recorder).donors.isEmpty)
  }

  @Test func `one value takes over the bytes of one variable only`() {
    let recorder = Recorder()
    let (v, w) = (recorder.variable("v", [4]), recorder.variable("w", [4]))
    let next = v + w
    recorder.assign(next, to: v)
    recorder.assign(next, to: w)
    #expect(aliases(recorder).donors == [next.value: v.value.node])
  }

  @Test func `what could not be computed in place is copied at the end of the run`() throws {
    let recorder = Recorder()
    let w = recorder.variable("w", [2])
    let next = w * 0.5
    recorder.output("later", next + w)
    recorder.assign(next, to: w)
    let program = try OneDNNLowering(threads: ThreadBudget(1)).compile(recorder.graph)
    #expect(program.inspection?.steps.map(\.name) == ["scale", "add", "assign"])
    program.write([4, -2], to: "w")
    try program.run()
    #expect(program.read("later") == [6, -3])
    #expect(program.read("w") == [2, -1])
  }
}

/// Where values lie in the arena of oneDNN's lowering, with its aliases and its results in place.
@Suite struct ArenaTests {
  /// A plan in which every value but a leaf takes `byteCount` bytes, and elementwise results may go over operands if
  /// `inPlace`.
  private func plan(_ recorder: Recorder, byteCount: Int, inPlace: Bool) -> MemoryPlan {
    let graph = recorder.graph
    let aliases = Aliases(graph, readers: graph.readers)
    return MemoryPlan(
      graph,
      .init(
        byteCount: { aliases.isInArena($0) ? byteCount : 0 },
        inPlace: { inPlace ? aliases.inPlace($0) : [] }, root: aliases.root))
  }

  @Test func `values that live at the same time have disjoint bytes`() throws {
    let recorder = Recorder()
    let x = recorder.input("x", [4])
    let (a, b) = (x * 2, x * 3)
    recorder.output("y", a + b)
    let plan = plan(recorder, byteCount: 100, inPlace: false)
    let (first, second) = (
      try #require(plan.offsets[a.value]), try #require(plan.offsets[b.value])
    )
    #expect(abs(first - second) >= 100)
    #expect(plan.byteCount == 2 * 128 + 100)
    #expect(plan.offsets.values.allSatisfy { $0 % MemoryPlan.alignment == 0 })
    #expect(plan.offsets[x.value] == nil)
  }

  @Test func `a value takes the bytes of one that nobody reads any more`() throws {
    let recorder = Recorder()
    let x = recorder.input("x", [4])
    let a = x * 2
    let b = a * 3
    let c = b * 4
    recorder.output("y", c)
    let plan = plan(recorder, byteCount: 64, inPlace: false)
    #expect(plan.offsets[a.value] == plan.offsets[c.value])
    #expect(plan.offsets[a.value] != plan.offsets[b.value])
    #expect(plan.byteCount == 128)
    #expect(plan.inPlaceCount == 0)
  }

  @Test func `in place, a chain of elementwise operations takes the bytes of one value`() {
    let recorder = Recorder()
    let x = recorder.input("x", [4])
    recorder.output("y", (x * 2).relu().squareRoot())
    let plan = plan(recorder, byteCount: 64, inPlace: true)
    #expect(plan.byteCount == 64)
    #expect(plan.inPlaceCount == 2)
  }

  @Test func `an operand that is read again is not overwritten`() throws {
    let recorder = Recorder()
    let x = recorder.input("x", [4])
    let a = x * 2
    let b = a.relu()
    recorder.output("y", b + a)
    let plan = plan(recorder, byteCount: 64, inPlace: true)
    #expect(plan.offsets[a.value] != plan.offsets[b.value])
    #expect(plan.byteCount == 128)
  }

  @Test func `an output keeps its bytes to the end of the run`() {
    let recorder = Recorder()
    let x = recorder.input("x", [4])
    let a = x * 2
    recorder.output("a", a)
    let b = a * 3
    recorder.output("b", b * 4)
    let plan = plan(recorder, byteCount: 64, inPlace: false)
    #expect(plan.offsets.filter { $0.value == plan.offsets[a.value] }.count == 1)
    #expect(plan.byteCount == 192)
  }

  @Test func `a plan over the limit is refused with the bytes`() {
    let recorder = Recorder()
    let x = recorder.input("x", [1024])
    recorder.output("y", x * 2)
    let lowering = OneDNNLowering(threads: ThreadBudget(1), memoryLimitByteCount: 4095)
    #expect(throws: LoweringError.outOfMemory(neededByteCount: 4096, limitByteCount: 4095)) {
      try lowering.compile(recorder.graph)
    }
  }
}
