import Foundation
import Tensors
import Testing

@Suite("Parity fixture")
struct ParityFixtureTests {
  @Test func `the data files have the hashes in the index`() throws {
    for parity in try ParityFixture.load().cases {
      let path = ParityFixture.folder.appending(path: parity.data).path
      #expect(try sha256(path) == parity.sha256, "\(parity.data)")
    }
  }

  @Test func `the formula gives the numbers that Python had`() throws {
    let parity = try ParityFixture.load()["tiny"]
    let formula = try #require(parity.formula)
    #expect(formula.count == 3)
    let tensors = parity.initialTensors() + [parity.view(1, step: 0)]
    let worst = try parity.worstError(of: tensors, to: formula)
    #expect(worst.error < 1e-7, "\(worst)")
  }

  @Test func `SplitMix64 gives its published outputs`() {
    #expect(ParityFormula.word(1_234_567, 0) == 6_457_827_717_110_365_317)
    #expect(ParityFormula.word(1_234_567, 1) == 3_203_168_211_198_807_973)
  }

  @Test func `torch itself in float32 stays well under the tolerance`() throws {
    for parity in try ParityFixture.load().cases {
      let worst = parity.gradients.map(\.float32).max() ?? 1
      #expect(worst < 5e-5, "\(parity.name)")
      #expect(parity.inferenceRepresentation.float32 < 1e-5)
      #expect(parity.runs.flatMap(\.state).allSatisfy { $0.float32 < 5e-5 }, "\(parity.name)")
    }
  }

  @Test func `every wrong update is told apart from the right one`() throws {
    for run in try ParityFixture.load()["tiny"].runs {
      let controls = try #require(run.controls)
      #expect(controls.count >= 8)
      for (control, difference) in controls {
        #expect(difference > 1e-3, "\(run.optimizer) \(control)")
      }
    }
  }

  @Test func `every parameter of the online network has a gradient`() throws {
    for parity in try ParityFixture.load().cases {
      let trained = parity.parameters.map(\.name).filter {
        $0.hasPrefix("online.") && !$0.contains("running_")
      }
      #expect(Set(trained) == Set(parity.gradients.map(\.name)))
    }
  }

  @Test func `a whole tensor with one changed element is refused`() throws {
    let parity = try ParityFixture.load()["tiny"]
    let gradient = try #require(parity.gradients.first { $0.values != nil && $0.scale == nil })
    var values = try #require(parity.storedValues(of: gradient))
    #expect(try parity.relativeError(of: values, to: gradient) < 1e-7)
    values[0] += Float(gradient.norm) * 2e-4
    #expect(try parity.relativeError(of: values, to: gradient) > 1e-4)
    values[0] = .nan
    #expect(try parity.relativeError(of: values, to: gradient) == .infinity)
    #expect(throws: ParityError.self) {
      try parity.relativeError(of: Array(values.dropLast()), to: gradient)
    }
  }

  @Test func `a large tensor with small changes everywhere, or of two elements, is refused`() throws
  {
    let parity = try ParityFixture.load()["tiny"]
    let expected = try #require(parity.formula?.first { $0.sums != nil })
    let tensors = parity.initialTensors() + [parity.view(1, step: 0)]
    let tensor = try #require(tensors.first { $0.name == expected.name })
    #expect(try parity.relativeError(of: tensor.values, to: expected) < 1e-7)

    let noise = ParityFormula.key("noise")
    let deviation = expected.norm / Double(tensor.values.count).squareRoot()
    let noisy = tensor.values.enumerated().map { i, value in
      value + Float(2e-4 * deviation * ParityFormula.uniform(ParityFormula.word(noise, i)))
    }
    let error = try parity.relativeError(of: noisy, to: expected)
    #expect(error > 0.6e-4 && error < 1.8e-4, "The estimate of 2e-4 / sqrt(3) is \(error).")

    var swapped = tensor.values
    swapped.swapAt(3, 5)
    #expect(try parity.relativeError(of: swapped, to: expected) > 1e-4)
  }

  private func sha256(_ path: String) throws -> String {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/sha256sum")
    process.arguments = [path]
    process.standardOutput = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return String(decoding: output.prefix(64), as: UTF8.self)
  }
}
