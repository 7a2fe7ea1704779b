import Randomness
import ReferenceLowering
import TensorGraph
import Tensors
import Testing

@testable import OneDNNLowering

/// Graphs in two parts, each compiled by its own lowering.
@Suite struct SplittingTests {
  /// Two convolutions, the second adding the first's result, and outputs of both.
  private func block() -> Graph {
    let recorder = Recorder()
    let x = recorder.input("x", [2, 3, 5, 5])
    let first = x.convolved(
      with: recorder.variable("w1", [4, 3, 3, 3]), bias: recorder.variable("b", [4]), stride: 1,
      padding: 1, relu: true)
    let second = first.convolved(
      with: recorder.variable("w2", [4, 4, 3, 3]), bias: recorder.variable("b", [4]),
      residual: first, stride: 1, padding: 1, relu: true)
    recorder.output("early", first.globalAveragePooled())
    recorder.output("late", second.globalAveragePooled())
    return recorder.graph
  }

  /// The node of the second convolution.
  private let place = 5

  @Test func `the parts are the ones that were planned`() {
    let split = block().split(before: place)
    #expect(
      split.first.description == """
        %0 = input(name: "x") : [2, 3, 5, 5]
        %1 = variable(name: "w1") : [4, 3, 3, 3]
        %2 = variable(name: "b") : [4]
        %3 = convolutionWithBias(stride: 1, padding: 1, relu: true) %0, %1, %2 : [2, 4, 5, 5]
        output crossing1 = %3
        """)
    #expect(
      split.second.description == """
        %0 = input(name: "crossing1") : [2, 4, 5, 5]
        %1 = variable(name: "w2") : [4, 4, 3, 3]
        %2 = variable(name: "b") : [4]
        %3 = convolutionWithBias(stride: 1, padding: 1, relu: true) %0, %1, %2, %0 : [2, 4, 5, 5]
        %4 = globalAveragePool %0 : [2, 4]
        %5 = globalAveragePool %3 : [2, 4]
        output early = %4
        output late = %5
        """)
    #expect(split.crossings == ["crossing1"])
  }

  @Test func `an output of the first part stays in it, and what others read crosses once`() {
    let graph = block()
    let last = graph.split(before: graph.nodes.count - 1)
    #expect(last.first.outputs.map(\.name) == ["crossing1", "early"])
    #expect(last.second.outputs.map(\.name) == ["late"])
    #expect(last.second.variables.isEmpty)
  }

  @Test func `a place before or behind everything leaves one part empty`() {
    let graph = block()
    let (all, none) = (graph.split(before: graph.nodes.count), graph.split(before: 0))
    #expect(all.first.outputs.map(\.name) == ["early", "late"] && all.second.nodes.isEmpty)
    #expect(none.second.outputs.map(\.name) == ["early", "late"] && none.first.nodes.isEmpty)
    #expect(all.crossings.isEmpty && none.crossings.isEmpty)
  }

  private static let oneDNN = OneDNNLowering(threads: ThreadBudget(1))

  /// Copies go through the host from one engine to another, and from layout to layout within one.
  @Test(arguments: [true, false], [true, false])
  func `the parts compute what the whole does, whichever engines compile them`(
    _ firstIsFast: Bool, _ secondIsFast: Bool
  ) throws {
    let graph = block()
    let expected = try outputs(of: ReferenceLowering().compile(graph)) { try $0.run() }
    let split = graph.split(before: place)
    let first = try lowering(firstIsFast).compile(split.first)
    let second = try lowering(secondIsFast).compile(split.second)
    fill(first, split.first)
    let found = try outputs(of: second, filled: split.second) { second in
      // The second run reads the first part's last run, not the one that the copy was made for.
      for scale in [Float(3), 1] {
        first.write(values(75 * 2, 1).map { $0 * scale }, to: "x")
        try first.run()
        for name in split.crossings { second.write(name, of: first, to: name) }
        try second.run()
      }
    }
    for (value, want) in zip(found, expected) { #expect(abs(value - want) < 1e-5) }
    #expect(expected.contains { $0 > 0.1 })
  }

  @Test func `a program takes an input from one program after another`() throws {
    let recorder = Recorder()
    recorder.output("y", recorder.input("x", [2, 3]) * 2)
    let graph = recorder.graph
    let programs = try (0..<3).map { _ in try Self.oneDNN.compile(graph) }
    for (program, value) in zip(programs, [1, 10]) {
      program.write([Float](repeating: Float(value), count: 6), to: "x")
      try program.run()
      programs[2].write("y", of: program, to: "x")
      try programs[2].run()
      #expect(programs[2].read("y") == [Float](repeating: Float(4 * value), count: 6))
    }
  }

  private func lowering(_ isFast: Bool) -> any Lowering {
    isFast ? Self.oneDNN : ReferenceLowering()
  }

  private func values(_ count: Int, _ lane: Int) -> [Float] {
    var random = RandomStream(seed: 7, purpose: .evaluation, lane: lane)
    return (0..<count).map { _ in random.uniform(in: -1...1) }
  }

  private func fill(_ program: any Program, _ graph: Graph) {
    for (name, node) in graph.variables {
      program.write(
        values(graph.nodes[node].shapes[0].elementCount, name.utf8.reduce(0) { $0 + Int($1) }),
        to: name)
    }
  }

  private func outputs(
    of program: any Program, filled graph: Graph? = nil, run: (any Program) throws -> Void
  ) rethrows -> [Float] {
    fill(program, graph ?? block())
    if graph == nil { program.write(values(75 * 2, 1), to: "x") }
    try run(program)
    return program.read("early") + program.read("late")
  }
}
