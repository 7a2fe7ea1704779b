import Foundation
import OneDNNLowering
import ReferenceLowering
import TensorGraph
import Tensors
import Testing

/// Updates of one parameter as PyTorch computes them (LARS: as its formula in NumPy), written by
/// `Fixtures/make_optimizers.py`.
@Suite struct OptimizerTests {
  struct Fixture: Decodable {
    var cases: [Example]
  }

  struct Example: Decodable, Sendable, CustomTestStringConvertible {
    struct Step: Decodable {
      var parameter: [Double]
      var slots: [[Double]]
    }
    var rule: Rule
    var parameter: [Float]
    /// For each step, one or more gradients.
    var gradients: [[[Float]]]
    var rates: [Double]
    var steps: [Step]

    var testDescription: String { "\(rule.value) along \(gradients[0].count) gradients" }
  }

  struct Rule: Decodable {
    enum Kind: String, Decodable { case sgd, lars, adamW }
    var kind: Kind
    var weightDecay: Double
    var momentum: Double?
    var trustCoefficient: Double?
    var beta1: Double?
    var beta2: Double?
    var epsilon: Double?

    var value: OptimizerRule {
      switch kind {
      case .sgd: .sgd(momentum: momentum ?? .nan, weightDecay: weightDecay)
      case .lars:
        .lars(
          momentum: momentum ?? .nan, weightDecay: weightDecay,
          trustCoefficient: trustCoefficient ?? .nan)
      case .adamW:
        .adamW(
          beta1: beta1 ?? .nan, beta2: beta2 ?? .nan, epsilon: epsilon ?? .nan,
          weightDecay: weightDecay)
      }
    }
  }

  static func examples() throws -> [Example] {
    try JSONDecoder().decode(Fixture.self, from: try fixture("optimizers.json")).cases
  }

  @Test(arguments: try examples()) func `three updates on the reference are the fixture's`(
    _ example: Example
  ) throws {
    // The scalars of an update are float32.
    try expect(example, ReferenceLowering(), error: 1e-14)
  }

  @Test(arguments: try examples()) func `three updates on oneDNN's lowering are the fixture's`(
    _ example: Example
  ) throws {
    try expect(example, OneDNNLowering(threads: ThreadBudget(2)), error: 1e-12)
  }

  @Test func `the fixture holds every rule with one, two and three gradients`() throws {
    let examples = try Self.examples()
    for kind in [Rule.Kind.sgd, .lars, .adamW] {
      for count in 1...3 {
        #expect(
          examples.count { $0.rule.kind == kind && $0.gradients[0].count == count } == 2)
      }
    }
  }

  @Test func `AdamW's corrections undo what the moments lack in the first updates`() {
    let rule = OptimizerRule.adamW(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0)
    #expect(rule.scalars(learningRate: 0.5, step: 1) == [0.5, 10, 1000])
    #expect(rule.scalars(learningRate: 0.5, step: 100_000) == [0.5, 1, 1])
    #expect(
      OptimizerRule.sgd(momentum: 0.9, weightDecay: 0).scalars(learningRate: 2, step: 7) == [2])
  }

  /// The sum of gradients inside the update gives the bits of the sum beside it.
  @Test(arguments: Case.rules, [2, 3, 5]) func `a fused sum is the sum`(
    _ rule: OptimizerRule, gradients count: Int
  ) throws {
    let shape: Shape = [129, 257]
    let fused = try update(rule, shape, count) { $0 }
    let summed = try update(rule, shape, count) { [$0.dropFirst().reduce($0[0], +)] }
    #expect(fused.contains { $0 != 0 })
    #expect(fused == summed)
  }

  private func update(
    _ rule: OptimizerRule, _ shape: Shape, _ count: Int, _ gradients: ([Tensor]) -> [Tensor]
  ) throws -> [Float] {
    let recorder = Recorder()
    let parameter = recorder.variable("parameter", shape)
    let inputs = (0..<count).map { recorder.input("gradient \($0)", shape) }
    let (next, slots) = parameter.updated(
      slots: rule.slotNames.map { recorder.variable($0, shape) }, gradients: gradients(inputs),
      scalars: rule.scalarNames.map { recorder.input($0, []) }, rule)
    recorder.output("next", next)
    recorder.output("last slot", slots[slots.count - 1])
    let program = try OneDNNLowering(threads: ThreadBudget(2)).compile(recorder.graph)
    for leaf in recorder.graph.inputs + recorder.graph.variables {
      guard recorder.graph.nodes[leaf.node].shapes[0] == shape else { continue }
      let values = (0..<shape.elementCount).map { Float(($0 * 37 + leaf.node * 11) % 101) / 50 - 1 }
      program.write(leaf.name == "second_moment" ? values.map(abs) : values, to: leaf.name)
    }
    for (name, value) in zip(rule.scalarNames, rule.scalars(learningRate: 0.1, step: 3)) {
      program.write([value], to: name)
    }
    try program.run()
    return program.read("next") + program.read("last slot")
  }

  private func expect(_ example: Example, _ lowering: any Lowering, error: Double) throws {
    let (rule, shape) = (example.rule.value, Shape([example.parameter.count]))
    let recorder = Recorder()
    let parameter = recorder.variable("parameter", shape)
    let slots = rule.slotNames.map { recorder.variable($0, shape) }
    let gradients = example.gradients[0].indices.map { recorder.input("gradient \($0)", shape) }
    let scalars = rule.scalarNames.map { recorder.input($0, []) }
    let new = parameter.updated(slots: slots, gradients: gradients, scalars: scalars, rule)
    recorder.assign(new.parameter, to: parameter)
    for (slot, next) in zip(slots, new.slots) { recorder.assign(next, to: slot) }
    let program = try lowering.compile(recorder.graph)
    program.write(example.parameter, to: "parameter")
    for (index, step) in example.steps.enumerated() {
      for (number, gradient) in example.gradients[index].enumerated() {
        program.write(gradient, to: "gradient \(number)")
      }
      let values = rule.scalars(learningRate: example.rates[index], step: index + 1)
      for (name, value) in zip(rule.scalarNames, values) { program.write([value], to: name) }
      try program.run()
      let pairs = zip(["parameter"] + rule.slotNames, [step.parameter] + step.slots)
      for (name, expected) in pairs {
        let found = normalizedError(program.read(name), expected.map { Float($0) })
        #expect(found <= error, "\(name) after update \(index + 1): \(found)")
      }
    }
  }
}

/// The bytes of a file in `Fixtures`.
func fixture(_ name: String) throws -> Data {
  try Data(
    contentsOf: URL(filePath: #filePath).deletingLastPathComponent().appending(
      path: "Fixtures/\(name)"))
}
