import Randomness
import TensorGraph
import Tensors
import Testing

/// The life of each value of a graph.
@Suite struct LivenessTests {
  @Test func `a value lives to its last reader, and to the end if it leaves the graph`() {
    let recorder = Recorder()
    let x = recorder.input("x", [4])  // %0
    let w = recorder.variable("w", [4])  // %1
    let a = x.relu()  // %2
    let b = a * w  // %3
    let c = a + b  // %4
    let unread = c.relu()  // %5
    recorder.output("b", b)
    recorder.assign(c, to: w)
    let lastUse = Liveness(recorder.graph, root: { $0 }).lastUse
    #expect(lastUse[x.value] == 2)
    #expect(lastUse[w.value] == 3)
    #expect(lastUse[a.value] == 4)
    #expect(lastUse[b.value] == 6)
    #expect(lastUse[c.value] == 6)
    #expect(lastUse[unread.value] == nil)
  }

  @Test func `values that share bytes live as long as the last of them`() {
    let recorder = Recorder()
    let a = recorder.input("x", [4]).relu()  // %1
    let alias = a.stoppingGradient()  // %2
    let b = a * 2  // %3
    let c = alias + b  // %4
    recorder.output("d", c * 2)
    let lastUse = Liveness(
      recorder.graph, root: { $0 == alias.value ? a.value : $0 }
    ).lastUse
    #expect(lastUse[a.value] == 4)
    #expect(lastUse[alias.value] == nil)
  }
}

/// Where values lie in the arena.
@Suite struct MemoryPlanTests {
  /// Every value but leaves, of 4 bytes per element; results may overwrite the first operand if `inPlace`.
  private func plan(_ graph: Graph, inPlace: Bool) -> MemoryPlan {
    plan(graph) { graph.nodes[$0].inputs.isEmpty || !inPlace ? [] : [(0, 0)] }
  }

  private func plan(
    _ graph: Graph, root: @escaping (Graph.Value) -> Graph.Value = { $0 },
    inPlace: @escaping (Int) -> [(result: Int, operand: Int)]
  ) -> MemoryPlan {
    MemoryPlan(
      graph,
      .init(
        byteCount: { byteCount($0, graph) }, inPlace: inPlace, root: root))
  }

  @Test func `of a chain two values live at a time`() {
    let recorder = Recorder()
    let x = recorder.input("x", [64])
    let values = (0..<5).reduce(into: [x]) { values, _ in
      values.append(values[values.count - 1] * 2)
    }
    recorder.output("y", values[5])
    let plan = plan(recorder.graph, inPlace: false)
    #expect(values.map { plan.offsets[$0.value] } == [nil, 0, 256, 0, 256, 0])
    #expect(plan.byteCount == 512)
    #expect(plan.inPlaceCount == 0)
  }

  @Test func `in place a chain needs the bytes of one value`() {
    let recorder = Recorder()
    let x = recorder.input("x", [64])
    let y = (0..<5).reduce(x) { value, _ in value * 2 }
    recorder.output("y", y)
    let plan = plan(recorder.graph, inPlace: true)
    #expect(Set(plan.offsets.values) == [0])
    #expect(plan.byteCount == 256)
    // The first reads the input, whose bytes are not in the arena.
    #expect(plan.inPlaceCount == 4)
  }

  @Test
  func `an operand that is read again, leaves the graph or has another size is not overwritten`() {
    let recorder = Recorder()
    let x = recorder.input("x", [8, 64]) * 2
    let again = x.relu()
    let both = x + again
    recorder.output("both", both)
    let seen = both.relu()
    let smaller = seen.sumOfColumns()
    recorder.output("smaller", smaller.relu())
    let plan = plan(recorder.graph, inPlace: true)
    let offsets = plan.offsets
    #expect(offsets[again.value] != offsets[x.value])
    #expect(offsets[both.value] == offsets[x.value])
    #expect(offsets[seen.value] != offsets[both.value])
    #expect(offsets[smaller.value] != offsets[seen.value])
    // `both` and the last rectifier of 8 elements take over bytes.
    #expect(plan.inPlaceCount == 2)
  }

  @Test func `two results of one node do not take over the same operand`() throws {
    let recorder = Recorder()
    let x = recorder.input("x", [64]) * 2
    let slot = recorder.input("slot", [64]) * 3
    let gradient = recorder.input("gradient", [64]) * 4
    let (next, slots) = x.updated(
      slots: [slot], gradients: [gradient], scalars: [recorder.input("rate", [])],
      .sgd(momentum: 0.9, weightDecay: 0))
    recorder.output("next", next)
    recorder.output("slot", slots[0])
    let graph = recorder.graph
    let plan = plan(graph) { node in
      // Both prefer the gradient's bytes; the second result may have the parameter's as well.
      node == next.value.node ? [(0, 2), (1, 2), (1, 0)] : []
    }
    #expect(plan.offsets[next.value] == plan.offsets[gradient.value])
    #expect(plan.offsets[slots[0].value] == plan.offsets[x.value])
    #expect(plan.inPlaceCount == 2)
  }

  @Test
  func `values outside the arena and aliases have no offset, and an alias keeps its root alive`() {
    let recorder = Recorder()
    let a = recorder.input("x", [64]) * 2
    let alias = a.stoppingGradient()
    let b = recorder.input("z", [64]) * 3
    let sum = alias + b
    recorder.output("y", sum)
    let graph = recorder.graph
    let plan = plan(graph, root: { $0 == alias.value ? a.value : $0 }) { _ in [] }
    #expect(Set(plan.offsets.keys) == Set([a, b, sum].map(\.value)))
    #expect(plan.offsets[a.value] != plan.offsets[b.value])
    #expect(plan.byteCount == 3 * 256)
  }

  @Test func `offsets are multiples of a cache line, whatever the sizes`() {
    let recorder = Recorder()
    let parts = [3, 17, 100, 33].map { recorder.input("x\($0)", [$0]) * 2 }
    for (index, part) in parts.enumerated() { recorder.output("y\(index)", part) }
    let plan = plan(recorder.graph, inPlace: false)
    #expect(plan.offsets.values.allSatisfy { $0 % MemoryPlan.alignment == 0 })
    // 400 bytes first, then 132, 68 and 12, each at the next multiple of 64.
    #expect(parts.map { plan.offsets[$0.value] } == [768, 640, 0, 448])
    #expect(plan.byteCount == 768 + 12)
  }

  @Test func `a graph of leaves needs nothing`() {
    let recorder = Recorder()
    recorder.output("x", recorder.input("x", [4]))
    let plan = plan(recorder.graph, inPlace: true)
    #expect(plan.offsets.isEmpty && plan.byteCount == 0)
  }

  @Test(arguments: 0..<40, [false, true])
  func `of random graphs no two values that live at once share bytes`(_ seed: Int, inPlace: Bool) {
    let graph = randomGraph(UInt64(seed))
    let plan = plan(graph, inPlace: inPlace)
    let conflicts = conflicts(plan, graph, inPlace: inPlace)
    #expect(conflicts.isEmpty, "\(conflicts)\n\(graph)")
    #expect(plan.byteCount >= leastByteCount(graph, inPlace: inPlace))
    if inPlace { #expect(plan.inPlaceCount > 0) }
  }

  @Test func `the check of random graphs notices a plan for another graph`() {
    let graph = randomGraph(1)
    #expect(!conflicts(plan(randomGraph(2), inPlace: true), graph, inPlace: true).isEmpty)
  }
}

private func byteCount(_ value: Graph.Value, _ graph: Graph) -> Int {
  graph.nodes[value.node].inputs.isEmpty ? 0 : 4 * graph.shape(of: value).elementCount
}

/// Elementwise operations on vectors of two lengths, each of values made before, one in four of them an output.
private func randomGraph(_ seed: UInt64) -> Graph {
  var stream = RandomStream(seed: seed, purpose: .evaluation)
  let recorder = Recorder()
  var values = [16, 100].map { [recorder.input("x\($0)", [$0]) * 2] }
  for number in 0..<60 {
    let kind = stream.index(below: 2)
    let recent = values[kind].suffix(6)
    let (a, b) = (stream.index(below: recent.count), stream.index(below: recent.count))
    let value = recent[recent.startIndex + a] + recent[recent.startIndex + b]
    values[kind].append(value)
    if stream.bernoulli(0.25) { recorder.output("y\(number)", value) }
  }
  return recorder.graph
}

/// The nodes from a value's own to its last reader, or to the end: found by looking at every operand.
private func life(_ value: Graph.Value, _ graph: Graph) -> ClosedRange<Int> {
  var last = value.node
  for (index, node) in graph.nodes.enumerated() where node.inputs.contains(value) { last = index }
  if graph.outputs.contains(where: { $0.value == value }) { last = graph.nodes.count }
  return value.node...last
}

/// Pairs of values that live at once and share bytes, without the second being made in place of the first.
private func conflicts(_ plan: MemoryPlan, _ graph: Graph, inPlace: Bool) -> [String] {
  let values = graph.nodes.indices.map { Graph.Value(node: $0) }.filter { byteCount($0, graph) > 0 }
  var conflicts: [String] = []
  for first in values {
    for second in values where second.node > first.node {
      guard let a = plan.offsets[first], let b = plan.offsets[second] else { return ["no offset"] }
      let (lifeOfFirst, lifeOfSecond) = (life(first, graph), life(second, graph))
      let isHandedOver =
        inPlace && lifeOfFirst.upperBound == second.node
        && graph.nodes[second.node].inputs[0] == first && a == b
        && byteCount(first, graph) == byteCount(second, graph)
      if lifeOfFirst.overlaps(lifeOfSecond), !isHandedOver, a < b + byteCount(second, graph),
        b < a + byteCount(first, graph)
      {
        conflicts.append("%\(first.node) at \(a) and %\(second.node) at \(b)")
      }
    }
  }
  return conflicts
}

/// The most bytes that live at one node: no plan needs fewer. In place, an operand that dies gives its bytes away.
private func leastByteCount(_ graph: Graph, inPlace: Bool) -> Int {
  let values = graph.nodes.indices.map { Graph.Value(node: $0) }
  return graph.nodes.indices.map { node in
    values.filter { value in
      let life = life(value, graph)
      return inPlace && value.node != node
        ? life.contains(node) && life.upperBound > node : life.contains(node)
    }.reduce(0) { $0 + byteCount($1, graph) }
  }.max() ?? 0
}
