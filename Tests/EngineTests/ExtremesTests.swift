import Glibc
import OneDNNLowering
import TensorGraph
import Tensors
import Testing

/// Our own functions where float32 ends, each in whole vectors and in what is left of one.
@Suite struct ExtremesTests {
  @Test(
    arguments: [
      Float.infinity, -.infinity, .nan, 0, -0.0, 1, 1e-30, 88.72284, 88.73, 1e30, -87.34, -100,
      -103.5, -104, -1e30,
    ]) func `the exponential`(_ x: Float) throws
  {
    let expected = Float(exp(Double(x)))
    for result in try results([Float](repeating: x, count: 19), [19], { $0.exponential() }) {
      if expected.isFinite {
        #expect(abs(result - expected) <= 2 * expected.ulp)
      } else {
        #expect(result == expected || result.isNaN && expected.isNaN)
      }
    }
  }

  @Test func `the exponential is within two units in the last place`() throws {
    let x = (0..<40_000).map { Float($0) / 40_000 * 174 - 87 }
    for (x, y) in zip(x, try results(x, [40_000], { $0.exponential() })) {
      let right = Float(exp(Double(x)))
      #expect(abs(y - right) <= 2 * right.ulp, "\(x)")
    }
  }

  @Test(arguments: [Float(-3e38), -1e4, 0, 1e4, 3e38])
  func `the log-sum-exp of equal numbers is the number and the logarithm of their count`(
    _ x: Float
  ) throws {
    let sums = try results([Float](repeating: x, count: 4 * 37), [4, 37]) { $0.logSumExpOfRows() }
    #expect(sums.allSatisfy { abs($0 - (x + 3.6109180)) <= 4 * max(1, abs(x)).ulp })
    let without = try results([Float](repeating: x, count: 37 * 37), [37, 37]) {
      $0.logSumExpOfRows(excludingDiagonal: true)
    }
    #expect(without.allSatisfy { abs($0 - (x + 3.5835190)) <= 4 * max(1, abs(x)).ulp })
  }

  @Test func `a great number on the diagonal is not seen`() throws {
    let x = (0..<25).map { $0 % 6 == 0 ? Float(3e38) : 1 }
    let sums = try results(x, [5, 5]) { $0.logSumExpOfRows(excludingDiagonal: true) }
    #expect(sums.allSatisfy { abs($0 - 2.3862944) < 1e-6 })
  }

  private func results(_ x: [Float], _ shape: Shape, _ record: (Tensor) -> Tensor) throws -> [Float]
  {
    let recorder = Recorder()
    recorder.output("y", record(recorder.input("x", shape)))
    let program = try OneDNNLowering(threads: ThreadBudget(1)).compile(recorder.graph)
    program.write(x, to: "x")
    try program.run()
    return program.read("y")
  }
}
