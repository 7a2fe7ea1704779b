import OneDNNLowering
import ReferenceLowering
import TensorGraph
import Tensors
import Testing

/// Every case of the table on every lowering, against the reference.
@Suite struct ConformanceTests {
  @Test(arguments: Case.all, [1, 2]) func `float32 agrees with the reference`(
    _ example: Case, threads: Int
  ) throws {
    let errors = try errors(of: OneDNNLowering(threads: ThreadBudget(threads)), example)
    for (output, error) in errors { #expect(error <= 1e-10, "\(output): \(error)") }
  }

  /// Rounding to 8 significant bits errs by 2⁻⁹ at most, whose square is 4·10⁻⁶; a case rounds some times in
  /// a row. The loss is no part of it: a mean of rounded products that cancel.
  @Test(
    .enabled(
      if: OneDNNLowering.bestPrecision == .bfloat16,
      "this processor does not multiply bfloat16"), arguments: Case.all, [1, 2])
  func `bfloat16 agrees with the reference`(_ example: Case, threads: Int) throws {
    let lowering = OneDNNLowering(threads: ThreadBudget(threads), precision: .bfloat16)
    for (output, error) in try errors(of: lowering, example) where output != "loss" {
      #expect(error <= example.bfloat16Tolerance, "\(output): \(error)")
    }
  }

  @Test(
    .enabled(if: OneDNNLowering.bestPrecision == .float32, "this processor multiplies bfloat16"))
  func `bfloat16 is refused where the processor lacks it`() {
    let lowering = OneDNNLowering(threads: ThreadBudget(1), precision: .bfloat16)
    #expect(throws: LoweringError.self) { try lowering.compile(Case.all[0].graph()) }
  }

  private func errors(of lowering: any Lowering, _ example: Case) throws -> [String: Double] {
    let graph = example.graph()
    let expected = try run(graph, example, ReferenceLowering())
    let results = try run(graph, example, lowering)
    return Dictionary(
      uniqueKeysWithValues: graph.outputs.map { output in
        (output.name, normalizedError(results[output.name] ?? [], expected[output.name] ?? []))
      })
  }

  @Test(arguments: Case.all.filter { !$0.differentiated.isEmpty && !$0.isLarge })
  func `gradients agree with finite differences`(_ example: Case) throws {
    let graph = example.graph()
    let program = ReferenceProgram(graph)
    let values = example.values()
    for (name, value) in values { program.write(value, to: name) }
    program.write(example.weight(of: graph), to: "weight of y")
    try program.run()
    let gradients = example.differentiated.map { ($0, program.readDouble("d\($0)")) }
    for (name, gradient) in gradients {
      guard let value = values[name] else { continue }
      for index in stride(from: 0, to: value.count, by: max(1, value.count / 40)) {
        let difference = try finiteDifference(program, name, value.map(Double.init), index)
        let error = abs(difference - gradient[index])
        #expect(
          error <= 1e-6 * max(1e-3, abs(difference)), "d\(name)[\(index)]: \(gradient[index])")
      }
      program.write(value, to: name)
    }
  }

  @Test func `the comparison notices a wrong sign in a gradient rule`() throws {
    let example = try #require(Case.all.first { $0.name == "square of [5, 37]" })
    let graph = example.graph()
    let program = ReferenceProgram(graph)
    for (name, value) in example.values() { program.write(value, to: name) }
    program.write(example.weight(of: graph), to: "weight of y")
    try program.run()
    let right = program.read("da")
    #expect(normalizedError(right.map(-), right) > 1)
    #expect(normalizedError(right.map { $0 * 1.001 }, right) > 1e-7)
  }

  private func finiteDifference(
    _ program: ReferenceProgram, _ name: String, _ value: [Double], _ index: Int
  ) throws -> Double {
    let step = 1e-6
    var losses: [Double] = []
    for sign in [1.0, -1.0] {
      var moved = value
      moved[index] += sign * step
      program.write(moved, to: name)
      try program.run()
      losses.append(program.readDouble("loss")[0])
    }
    program.write(value, to: name)
    return (losses[0] - losses[1]) / (2 * step)
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
