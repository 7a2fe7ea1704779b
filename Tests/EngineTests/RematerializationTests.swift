import OneDNNLowering
import ReferenceLowering
import TensorGraph
import Tensors
import Testing

/// Computing activations again where a gradient reads them.
@Suite struct RematerializationTests {
  /// Two residual blocks behind a pooled stem, with the gradient of every weight.
  private func graph() -> Graph {
    let recorder = Recorder()
    let x = recorder.input("x", [4, 3, 16, 16])
    let names = ["w0", "w1", "w2", "w3", "w4"]
    let weights = names.enumerated().map { index, name in
      recorder.variable(name, [16, index == 0 ? 3 : 16, 3, 3])
    }
    let (scale, offset) = (recorder.variable("scale", [16]), recorder.variable("offset", [16]))
    func normalized(_ x: Tensor, residual: Tensor? = nil) -> Tensor {
      x.batchNormalized(
        scale: scale, offset: offset, residual: residual, epsilon: 1e-5, relu: true
      ).output
    }
    func convolved(_ x: Tensor, _ index: Int) -> Tensor {
      x.convolved(with: weights[index], stride: 1, padding: 1)
    }
    var y = normalized(convolved(x, 0)).maxPooled(size: 3, stride: 2, padding: 1)
    for block in 0..<2 {
      let inner = normalized(convolved(y, 2 * block + 1))
      y = normalized(convolved(inner, 2 * block + 2), residual: y)
    }
    let loss = y.globalAveragePooled().squared().mean()
    recorder.output("loss", loss)
    let learned = weights + [scale, offset]
    for (name, gradient) in zip(names + ["scale", "offset"], loss.gradients(of: learned)) {
      recorder.output("d\(name)", gradient)
    }
    return recorder.graph
  }

  private func count(_ name: String, _ graph: Graph) -> Int {
    graph.nodes.filter { $0.operation.name == name }.count
  }

  @Test func `all but the inputs of blocks is computed twice`() {
    let (full, lean) = (graph(), graph().rematerialized())
    #expect(count("convolution", full) == 5 && count("convolution", lean) == 10)
    // The last block's output is read by global average pooling, and so is kept.
    #expect(count("batchNormalization", full) == 5 && count("batchNormalization", lean) == 8)
    #expect(count("maxPool", lean) == 1)
    #expect(lean.nodes.count - full.nodes.count == 8)
    // Operands come before their readers, and a second pass finds the same kept values.
    for (index, node) in lean.nodes.enumerated() {
      #expect(node.inputs.allSatisfy { $0.node < index })
    }
  }

  @Test(arguments: [1, 2])
  func `in float32 the results are the same bits in less memory`(threads: Int) throws {
    try expectTheSameBitsInLessMemory(.float32, threads: threads)
  }

  @Test(
    .enabled(
      if: OneDNNLowering.bestPrecision == .bfloat16, "this processor does not multiply bfloat16"),
    arguments: [1, 2])
  func `in bfloat16 the results are the same bits in less memory`(threads: Int) throws {
    try expectTheSameBitsInLessMemory(.bfloat16, threads: threads)
  }

  private func expectTheSameBitsInLessMemory(_ precision: Precision, threads: Int) throws {
    let lowering = OneDNNLowering(threads: ThreadBudget(threads), precision: precision)
    let full = try results(graph(), lowering)
    let lean = try results(graph().rematerialized(), lowering)
    #expect(full.outputs == lean.outputs)
    #expect(full.outputs.allSatisfy { $0.contains { $0 != 0 } })
    #expect(lean.arenaByteCount < full.arenaByteCount)
  }

  @Test func `the reference agrees`() throws {
    let full = try results(graph(), ReferenceLowering())
    let lean = try results(graph().rematerialized(), ReferenceLowering())
    #expect(full.outputs == lean.outputs)
  }

  private func results(_ graph: Graph, _ lowering: any Lowering) throws -> (
    outputs: [[Float]], arenaByteCount: Int
  ) {
    let program = try lowering.compile(graph)
    for leaf in graph.inputs + graph.variables {
      let count = graph.nodes[leaf.node].shapes[0].elementCount
      program.write((0..<count).map { Float(($0 * 37 + leaf.node) % 101) / 50 - 1 }, to: leaf.name)
    }
    try program.run()
    return (graph.outputs.map { program.read($0.name) }, program.inspection?.arenaByteCount ?? 0)
  }
}
