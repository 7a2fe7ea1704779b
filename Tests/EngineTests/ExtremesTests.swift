import Glibc
import OneDNNLowering
import TensorGraph
import Tensors
import Testing

/// Our own functions where float32 ends, each in whole vectors and in what is left of one.
@Suite struct ExtremesTests {
  @Test(
    arguments: [
      (Float.infinity, Float.infinity), (-.infinity, 0), (.nan, .nan), (0, 1), (-0.0, 1),
      (88.72284, 3.4028e38), (88.73, .infinity), (1e30, .infinity), (-87.34, 1.17e-38),
      (-100, 3.7835e-44), (-104, 0), (-1e30, 0), (1, 2.7182817), (1e-30, 1),
    ]) func `the exponential`(_ x: Float, expected: Float) throws
  {
    for result in try results([Float](repeating: x, count: 19), [19], { $0.exponential() }) {
      if expected.isNaN {
        #expect(result.isNaN)
      } else if expected.isInfinite || expected == 0 {
        #expect(result == expected)
      } else {
        // One unit in the last place of the smallest subnormal numbers is a large part of them.
        #expect(abs(result - expected) <= max(1e-4 * expected, 1.5e-45))
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
