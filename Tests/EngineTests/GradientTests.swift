import Randomness
import ReferenceLowering
import Tensors
import Testing

@testable import TensorGraph

/// Every gradient rule against finite differences, on the reference in double precision.
@Suite struct GradientTests {
  /// The cases whose gradients are taken.
  static let cases = Case.all.filter { !$0.differentiated.isEmpty }

  @Test(arguments: cases) func `gradients agree with finite differences`(_ example: Case) throws {
    for (leaf, excess) in try GradientCheck(example).excesses() {
      #expect(excess <= 1, "d\(leaf): \(excess) times the tolerance")
    }
  }

  /// The smallest case that takes each rule, by the name of the rule's operation.
  static let caseOfRule: [String: Case] = {
    var found: [String: (example: Case, size: Int)] = [:]
    for example in cases {
      var rules: Set<String> = []
      let graph = example.graph { context in
        rules.insert(context.operation.name)
        return GradientRule.operandGradients(context)
      }
      let size = graph.nodes.indices.reduce(0) {
        $0 + graph.multiplicationCount(of: $1) + graph.nodes[$1].shapes[0].elementCount
      }
      for rule in rules where size < found[rule]?.size ?? .max { found[rule] = (example, size) }
    }
    return found.mapValues(\.example)
  }()

  @Test func `every rule has a case`() {
    let rules = [
      "add", "addBias", "addScalar", "batchNormalization", "concatenateRows", "convolution",
      "divide", "exponential", "globalAveragePool", "l2Normalize", "logSumExpOfRows", "logarithm",
      "matrixProduct", "maxPool", "mean", "multiply", "relu", "repeatColumns", "repeatRows",
      "scale", "sliceRows", "squareRoot", "subtract", "sumColumns", "sumRows", "zeroDiagonal",
    ]
    #expect(Self.caseOfRule.keys.filter { $0 != "stopGradient" }.sorted() == rules)
  }

  /// A rule that is wrong by a factor must make the comparison fail, or the comparison is worth nothing.
  @Test(
    arguments: caseOfRule.keys.filter { $0 != "stopGradient" }.sorted(), [-1, 1.001, 0] as [Float])
  func `finite differences notice a rule that is wrong by a factor`(
    _ rule: String, factor: Float
  ) throws {
    let example = try #require(Self.caseOfRule[rule])
    let excesses = try GradientCheck(example).excesses { context in
      let right = GradientRule.operandGradients(context)
      guard context.operation.name == rule else { return right }
      return right.map { $0.map { $0 * factor } }
    }
    #expect(excesses.contains { $0.excess > 100 }, "\(example.name): \(excesses)")
  }

  @Test func `a stopped gradient is none`() throws {
    let recorder = Recorder()
    let (a, b) = (recorder.input("a", [3]), recorder.input("b", [3]))
    let loss = (a.stoppingGradient() * b + a).mean()
    recorder.output("da", loss.gradients(of: [a])[0])
    let program = ReferenceProgram(recorder.graph)
    for name in ["a", "b"] { program.write([2, 3, 4] as [Float], to: name) }
    try program.run()
    #expect(program.readDouble("da").allSatisfy { abs($0 - 1.0 / 3) < 1e-7 })
  }
}

/// A case's gradients beside central differences of its loss along random directions: with g the gradient and v a
/// direction, `(L(x + hv) − L(x − hv)) / 2h` is `⟨g, v⟩` up to O(h²). A direction moves all elements of a leaf at once,
/// so that two runs of the forward pass see a mistake in any of them.
struct GradientCheck {
  private static let directions = 3
  private static let step = 1e-6

  private let example: Case
  private let values: [String: [Double]]

  init(_ example: Case) {
    self.example = example
    values = example.values(isExact: true).mapValues { $0.map(Double.init) }
  }

  /// How many times over the tolerance each leaf's gradient is, at most over the directions: a millionth of the
  /// gradient's norm, and 1e-9, which is what rounding makes of differences of losses near 1.
  func excesses(
    by rule: (GradientRule.Context) -> [Tensor?] = GradientRule.operandGradients
  ) throws -> [(leaf: String, excess: Double)] {
    let backward = program(example.graph(by: rule))
    try backward.run()
    let forward = program(example.forwardGraph())
    return try example.differentiated.enumerated().map { index, leaf in
      let gradient = backward.readDouble("d\(leaf)")
      let norm = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
      var excess = 0.0
      for lane in 0..<Self.directions {
        var stream = RandomStream(seed: 3, purpose: .evaluation, index: index, lane: lane)
        let direction = gradient.map { _ in Double(stream.uniform(in: -1...1)) }
        let expected = zip(gradient, direction).reduce(0) { $0 + $1.0 * $1.1 }
        let difference = try difference(forward, leaf, along: direction)
        let error = abs(difference - expected) / (1e-6 * norm + 1e-9)
        excess = error.isFinite ? max(excess, error) : .infinity
      }
      return (leaf, excess)
    }
  }

  /// The central difference of the loss; the leaf has its own values again afterwards.
  private func difference(
    _ program: ReferenceProgram, _ leaf: String, along direction: [Double]
  ) throws -> Double {
    guard let value = values[leaf] else { preconditionFailure("No leaf \(leaf).") }
    var losses: [Double] = []
    for step in [Self.step, -Self.step] {
      program.write(zip(value, direction).map { $0 + step * $1 }, to: leaf)
      try program.run()
      losses.append(program.readDouble("loss")[0])
    }
    program.write(value, to: leaf)
    return (losses[0] - losses[1]) / (2 * Self.step)
  }

  private func program(_ graph: Graph) -> ReferenceProgram {
    let program = ReferenceProgram(graph)
    for (name, value) in values { program.write(value, to: name) }
    program.write(example.weight(of: graph), to: "weight of y")
    return program
  }
}
