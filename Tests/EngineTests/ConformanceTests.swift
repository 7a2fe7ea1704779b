import Engines
import ReferenceLowering
import Tensors
import Testing

@testable import TensorGraph

/// Every case of the table on every engine, against the reference.
@Suite struct ConformanceTests {
  /// All but the reference itself.
  static let engines = Engines.all.filter { $0.name != Engines.reference.name }

  @Test(arguments: engines.filter { $0.precisions.contains(.float32) }, Case.all)
  func `float32 agrees with the reference`(_ engine: Engine, _ example: Case) throws {
    for (output, error) in try errors(of: engine, .float32, example) {
      #expect(error <= 1e-10, "\(output): \(error)")
    }
  }

  /// Rounding to 8 significant bits errs by 2⁻⁹ at most, whose square is 4·10⁻⁶; a case rounds some times in
  /// a row. The loss is no part of it: a mean of rounded products that cancel.
  @Test(
    .enabled(
      if: engines.contains { $0.precisions.contains(.bfloat16) },
      "this processor does not multiply bfloat16"),
    arguments: engines.filter { $0.precisions.contains(.bfloat16) }, Case.all)
  func `bfloat16 agrees with the reference`(_ engine: Engine, _ example: Case) throws {
    for (output, error) in try errors(of: engine, .bfloat16, example)
    where !output.hasPrefix("loss") {
      #expect(error <= example.bfloat16Tolerance, "\(output): \(error)")
    }
  }

  /// The next greater number is no mistake, a factor of 1.0001 in one node is one.
  @Test(arguments: [(factor: Float(1).nextUp, isNoticed: false), (1.0001, true), (2, true)])
  func `the comparison notices one node that is wrong`(factor: Float, isNoticed: Bool) throws {
    let example = try #require(Case.all.first { $0.name == "multiple of [5, 37]" })
    let wrong = Engine(name: "wrong", precisions: [.float32]) { _ in
      AlteredLowering { operation in
        if case .scale(let right) = operation { .scale(right * factor) } else { operation }
      }
    }
    for (output, error) in try errors(of: wrong, .float32, example) {
      #expect((error > 1e-10) == isNoticed, "\(output): \(error)")
    }
  }

  /// The errors of all outputs, by their names and the number of threads.
  private func errors(
    of engine: Engine, _ precision: Precision, _ example: Case
  ) throws -> [String: Double] {
    let graph = example.graph()
    let expected = try run(graph, example, ReferenceLowering())
    var errors: [String: Double] = [:]
    for threads in [1, 2] {
      let lowering = engine.lowering(threads: ThreadBudget(threads), precision: precision)
      for (name, values) in try run(graph, example, lowering) {
        errors["\(name) on \(threads) threads"] = normalizedError(values, expected[name] ?? [])
      }
    }
    #expect(errors.count == 2 * graph.outputs.count)
    return errors
  }

  private func run(_ graph: Graph, _ example: Case, _ lowering: any Lowering) throws -> [String:
    [Float]]
  {
    let program = try lowering.compile(graph)
    for (name, value) in example.values() { program.write(value, to: name) }
    let weight = example.weight(of: graph)
    if !weight.isEmpty { program.write(weight, to: "weight of y") }
    try program.run()
    return Dictionary(
      uniqueKeysWithValues: graph.outputs.map { ($0.name, program.read($0.name)) })
  }
}

/// The reference, but for some operations that it takes for others.
private struct AlteredLowering: Lowering {
  var altered: @Sendable (TensorGraph.Operation) -> TensorGraph.Operation

  func compile(_ graph: Graph) throws(LoweringError) -> any Program {
    var wrong = graph
    for index in wrong.nodes.indices {
      wrong.nodes[index].operation = altered(wrong.nodes[index].operation)
    }
    return try ReferenceLowering().compile(wrong)
  }
}

/// Mean squared error over the mean square of what is expected.
func normalizedError(_ values: [Float], _ expected: [Float]) -> Double {
  guard values.count == expected.count else { return .infinity }
  var (error, square) = (0.0, 0.0)
  for (value, want) in zip(values, expected) {
    error += Double(value - want) * Double(value - want)
    square += Double(want) * Double(want)
  }
  return error.isFinite ? error / max(square, 1e-30) : .infinity
}
