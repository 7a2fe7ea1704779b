import TensorGraph
import Tensors
import Testing

/// The index of who reads each value of a graph.
@Suite struct ReadersTests {
  @Test func `operands, outputs and assignments are found by value`() {
    let recorder = Recorder()
    let x = recorder.input("x", [2, 3])
    let w = recorder.variable("w", [2, 3])
    let unread = recorder.input("unread", [2, 3])
    let square = x * x  // %3
    let sum = square + w  // %4
    let difference = x - sum  // %5
    recorder.output("sum", sum)
    recorder.output("again", sum)
    recorder.assign(difference, to: w)
    let readers = recorder.graph.readers

    #expect(
      readers.operands(of: x.value) == [
        .init(node: 3, number: 0), .init(node: 3, number: 1), .init(node: 5, number: 0),
      ])
    #expect(readers.nodes(of: x.value) == [3, 5])
    #expect(readers.operands(of: sum.value) == [.init(node: 5, number: 1)])
    #expect(readers.outputs(of: sum.value) == ["sum", "again"])
    #expect(readers.assignments(of: difference.value) == [w.value.node])
    #expect(readers.operands(of: difference.value).isEmpty)
    #expect(readers.nodes(of: unread.value).isEmpty)
    for (value, leaves) in [(x, false), (square, false), (sum, true), (difference, true)] {
      #expect(readers.leavesGraph(value.value) == leaves)
    }
    #expect(Set(readers.values) == Set([x, w, square, sum, difference].map(\.value)))
  }

  @Test func `results of one node have readers of their own`() {
    let recorder = Recorder()
    let x = recorder.input("x", [4, 3])
    let normalized = x.batchNormalized(
      scale: recorder.variable("scale", [3]), offset: recorder.variable("offset", [3]),
      epsilon: 1e-5, relu: false)
    let mean = normalized.mean * 2
    let readers = recorder.graph.readers
    #expect(
      readers.operands(of: normalized.mean.value) == [.init(node: mean.value.node, number: 0)])
    #expect(readers.nodes(of: normalized.output.value).isEmpty)
    #expect(readers.nodes(of: normalized.variance.value).isEmpty)
  }
}
