import Randomness
import ReferenceLowering
import TensorGraph
import Tensors
import Testing

@testable import OneDNNLowering

/// Normalisations that go into the convolutions before them.
@Suite struct FoldingTests {
  /// Two convolutions with normalisations, the second adding the first's result.
  private func block() -> Graph {
    let recorder = Recorder()
    let x = recorder.input("x", [2, 3, 5, 5])
    let first = normalized(convolution(x, "a", recorder), "a", recorder, relu: true)
    let second = normalized(
      convolution(first, "b", recorder), "b", recorder, residual: first, relu: true)
    recorder.output("y", second.globalAveragePooled())
    return recorder.graph
  }

  private func convolution(_ x: Tensor, _ name: String, _ recorder: Recorder) -> Tensor {
    x.convolved(
      with: recorder.variable("\(name).weight", [4, x.shape[1], 3, 3]), stride: 1, padding: 1)
  }

  private func normalized(
    _ x: Tensor, _ name: String, _ recorder: Recorder, residual: Tensor? = nil, relu: Bool
  ) -> Tensor {
    func parameter(_ what: String) -> Tensor { recorder.variable("\(name).\(what)", [4]) }
    return x.normalized(
      scale: parameter("scale"), offset: parameter("offset"), mean: parameter("mean"),
      variance: parameter("variance"), residual: residual, epsilon: 1e-5, relu: relu)
  }

  @Test func `the folded graph is the one that was planned`() {
    let folded = block().folded()
    #expect(
      folded.graph.description == """
        %0 = input(name: "x") : [2, 3, 5, 5]
        %1 = variable(name: "a.weight") : [4, 3, 3, 3]
        %2 = variable(name: "a.offset") : [4]
        %3 = convolutionWithBias(stride: 1, padding: 1, relu: true) %0, %1, %2 : [2, 4, 5, 5]
        %4 = variable(name: "b.weight") : [4, 4, 3, 3]
        %5 = variable(name: "b.offset") : [4]
        %6 = convolutionWithBias(stride: 1, padding: 1, relu: true) %3, %4, %5, %3 : [2, 4, 5, 5]
        %7 = globalAveragePool %6 : [2, 4]
        output y = %7
        """)
    #expect(folded.foldings.map(\.weight) == ["a.weight", "b.weight"])
    #expect(folded.foldings.map(\.variance) == ["a.variance", "b.variance"])
  }

  @Test func `folding changes nothing but roundings`() throws {
    let graph = block()
    let folded = graph.folded()
    var values = self.values(of: graph)
    let expected = try output(of: graph, values)
    folded.fold(&values)
    #expect(normalizedError(try output(of: folded.graph, values), expected) < 1e-13)
    values["a.offset"]?[0] += 0.01
    #expect(normalizedError(try output(of: folded.graph, values), expected) > 1e-7)
  }

  @Test func `what others read is not folded`() {
    let recorder = Recorder()
    let x = recorder.input("x", [2, 3, 5, 5])
    let convolved = convolution(x, "a", recorder)
    recorder.output("y", normalized(convolved, "a", recorder, relu: true))
    recorder.output("convolved", convolved)
    let shared = convolution(x, "b", recorder)
    recorder.output("z", normalized(shared, "b", recorder, relu: false))
    recorder.output("twice", normalized(convolution(x, "b", recorder), "c", recorder, relu: false))
    #expect(recorder.graph.folded() == FoldedGraph(graph: recorder.graph, foldings: []))
  }

  @Test(
    arguments: Precision.allCases.filter { $0 == .float32 || OneDNNLowering.bestPrecision == $0 })
  func `weights are brought into the kernels' layout when they are written, never in a run`(
    _ precision: Precision
  ) throws {
    let recorder = Recorder()
    var x = recorder.input("x", [2, 16, 8, 8]).relu()
    for layer in 0..<3 {
      x = x.convolved(
        with: recorder.variable("w\(layer)", [16, 16, 3, 3]),
        bias: recorder.variable("b\(layer)", [16]), residual: layer == 2 ? x : nil, stride: 1,
        padding: 1, relu: true)
    }
    recorder.output("y", x)
    let program = try OneDNNLowering(threads: ThreadBudget(1), precision: precision).compile(
      recorder.graph)
    #expect(
      program.inspection?.steps.map(\.name) == ["relu"]
        + Array(repeating: "convolutionWithBias", count: 3))
  }

  @Test(
    arguments: Precision.allCases.filter { $0 == .float32 || OneDNNLowering.bestPrecision == $0 })
  func `weights that the host writes again are those of the next run`(_ precision: Precision) throws
  {
    let recorder = Recorder()
    let x = recorder.input("x", [2, 32, 5, 5]).relu()
    let w = recorder.variable("w", [32, 32, 3, 3])
    let bias = recorder.variable("b", [32])
    recorder.output("y", x.convolved(with: w, bias: bias, stride: 1, padding: 1, relu: false))
    let lowering = OneDNNLowering(threads: ThreadBudget(1), precision: precision)
    let values = values(of: recorder.graph)
    var results: [[Float]] = []
    let program = try lowering.compile(recorder.graph)
    for (name, value) in values { program.write(value, to: name) }
    for factor: Float in [1, -2, -2] {
      program.write((values["w"] ?? []).map { $0 * factor }, to: "w")
      program.write([Float](repeating: 0, count: 32), to: "b")
      try program.run()
      results.append(program.read("y"))
    }
    // Powers of two scale without rounding.
    #expect(results[0].contains { $0 != 0 })
    #expect(results[1] == results[0].map { $0 * -2 })
    #expect(results[2] == results[1])
  }

  private func values(of graph: Graph) -> [String: [Float]] {
    var values: [String: [Float]] = [:]
    for (index, leaf) in (graph.variables + graph.inputs).enumerated() {
      var stream = RandomStream(seed: 5, purpose: .evaluation, index: index)
      values[leaf.name] = (0..<graph.nodes[leaf.node].shapes[0].elementCount).map { _ in
        let value = stream.uniform(in: -1...1)
        return leaf.name.hasSuffix("variance") ? 1.5 + value : value
      }
    }
    return values
  }

  private func output(of graph: Graph, _ values: [String: [Float]]) throws -> [Float] {
    let program = ReferenceProgram(graph)
    for leaf in graph.variables + graph.inputs {
      program.write(values[leaf.name] ?? [], to: leaf.name)
    }
    try program.run()
    return program.read("y")
  }
}
