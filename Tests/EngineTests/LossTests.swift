import Foundation
import OneDNNLowering
import ReferenceLowering
import TensorGraph
import Tensors
import Testing

/// Methods' losses against PyTorch's, written by `Fixtures/make_losses.py`.
@Suite struct LossTests {
  struct Fixture: Decodable {
    var cases: [Example]
  }

  struct Example: Decodable, Sendable, CustomTestStringConvertible {
    enum Loss: String, Decodable { case ntXent, vicReg, bootstrap }
    var loss: Loss
    var shape: [Int]
    var operands: [[Float]]
    var value: Double
    /// Of the first operands; the rest have none.
    var gradients: [[Double]]

    var testDescription: String { "\(loss) of \(operands.count) operands" }

    func record(_ operands: [Tensor]) -> Tensor {
      switch loss {
      case .ntXent: EngineTests.ntXent(operands, temperature: 0.25)
      case .vicReg: EngineTests.vicReg(operands[0], operands[1])
      case .bootstrap: EngineTests.bootstrap(Array(operands[..<2]), Array(operands[2...]))
      }
    }
  }

  static func examples() throws -> [Example] {
    try JSONDecoder().decode(Fixture.self, from: try fixture("losses.json")).cases
  }

  @Test(arguments: try examples()) func `value and gradients on the reference are PyTorch's`(
    _ example: Example
  ) throws {
    try expect(example, ReferenceLowering(), error: 1e-13)
  }

  @Test(arguments: try examples()) func `value and gradients on oneDNN's lowering are PyTorch's`(
    _ example: Example
  ) throws {
    try expect(example, OneDNNLowering(threads: ThreadBudget(2)), error: 1e-11)
  }

  @Test func `another temperature is noticed`() throws {
    let example = try #require(try Self.examples().first { $0.loss == .ntXent })
    let results = try results(ReferenceLowering(), example) {
      EngineTests.ntXent($0, temperature: 0.26)
    }
    #expect(abs(Double(results[0][0]) / example.value - 1) > 1e-3)
    #expect(normalizedError(results[1], example.gradients[0].map { Float($0) }) > 1e-4)
  }

  private func expect(_ example: Example, _ lowering: any Lowering, error: Double) throws {
    let results = try results(lowering, example, example.record)
    #expect(example.gradients.count == (example.loss == .bootstrap ? 2 : example.operands.count))
    for (found, expected) in zip(results, [[example.value]] + example.gradients) {
      let found = normalizedError(found, expected.map { Float($0) })
      #expect(found <= error, "\(found)")
    }
  }

  /// The loss, then the gradients of the first operands.
  private func results(
    _ lowering: any Lowering, _ example: Example, _ record: ([Tensor]) -> Tensor
  ) throws -> [[Float]] {
    let recorder = Recorder()
    let operands = example.operands.indices.map {
      recorder.input("operand \($0)", Shape(example.shape))
    }
    let loss = record(operands)
    recorder.output("loss", loss)
    let differentiated = Array(operands.prefix(example.gradients.count))
    for (index, gradient) in loss.gradients(of: differentiated).enumerated() {
      recorder.output("gradient \(index)", gradient)
    }
    let program = try lowering.compile(recorder.graph)
    for (index, values) in example.operands.enumerated() {
      program.write(values, to: "operand \(index)")
    }
    try program.run()
    return recorder.graph.outputs.map { program.read($0.name) }
  }
}
