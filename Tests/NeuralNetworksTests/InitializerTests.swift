import Randomness
import TensorGraph
import Tensors
import Testing

@testable import NeuralNetworks

/// The first values of parameters: their distributions, and which parameter gets which.
///
/// Every seed is fixed; bounds are five standard deviations of what is measured.
@Suite struct InitializerTests {
  static let count = 100_000

  private func values(_ initializer: Initializer, seed: UInt64 = 1) -> [Float] {
    var stream = RandomStream(seed: seed, purpose: .weights)
    return initializer.values(Self.count, from: &stream)
  }

  private func moments(_ values: [Float]) -> (mean: Double, deviation: Double) {
    let mean = values.reduce(0) { $0 + Double($1) } / Double(values.count)
    let square = values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
    return (mean, (square / Double(values.count)).squareRoot())
  }

  /// √(2 / (out·kh·kw)): of 64 outputs of 3×3 and of 64 of 7×7, whatever the number of inputs.
  @Test(
    arguments: [
      ([64, 16, 3, 3], 0.058926), ([64, 256, 3, 3], 0.058926), ([64, 3, 7, 7], 0.025254),
      ([256, 64, 1, 1], 0.088388),
    ] as [(Shape, Double)])
  func `a convolution's weights are normal with He's deviation of the outputs`(
    _ shape: Shape, deviation: Double
  ) {
    let values = values(.convolution(shape))
    let found = moments(values)
    #expect(abs(found.mean) < 0.016 * deviation, "\(found)")
    #expect(abs(found.deviation - deviation) < 0.0112 * deviation, "\(found)")
    // A normal distribution, no uniform one of the same deviation, which ends at 1.73 deviations.
    let beyond = values.count { abs(Double($0)) > 2 * deviation }
    #expect(abs(beyond - 4_550) < 330, "\(beyond)")
  }

  /// ±1/√in.
  @Test(arguments: [(512, 0.044194), (2048, 0.022097), (1, 1.0)])
  func `a linear layer's values are uniform within one over the root of its inputs`(
    inputs: Int, bound: Double
  ) {
    let values = values(.linear(inputs: inputs))
    let found = moments(values)
    #expect(values.allSatisfy { abs(Double($0)) <= bound * 1.0001 })
    #expect(values.count { abs(Double($0)) > 0.99 * bound } > 700)
    #expect(abs(found.mean) < 0.0092 * bound, "\(found)")
    #expect(abs(found.deviation - bound / 3.0.squareRoot()) < 0.005 * bound, "\(found)")
  }

  @Test func `a constant is the same everywhere and draws nothing`() {
    var (stream, untouched) = (
      RandomStream(seed: 1, purpose: .weights), RandomStream(seed: 1, purpose: .weights)
    )
    #expect(Initializer.constant(1).values(3, from: &stream) == [1, 1, 1])
    #expect(stream.next() == untouched.next())
  }

  @Test func `values follow from the stream alone`() {
    let initializer = Initializer.normal(deviation: 1)
    #expect(values(initializer) == values(initializer))
    #expect(values(initializer) != values(initializer, seed: 2))
  }

  /// PyTorch's: weights of convolutions by He, scales 1, offsets 0, means 0, variances 1.
  @Test func `every parameter of a network has its kind's initializer`() {
    let recorder = Recorder()
    let scope = NetworkScope(recorder, name: "online", mode: .training)
    let encoder = EncoderConfiguration(architecture: .resnet18, width: 0.25, stem: .cifar)
    let x = recorder.input("x", [2, 3, 16, 16])
    let y = encoder.network.record(x, in: scope.module("encoder"))
    _ = MLP(units: [32, 8]).record(y, in: scope.module("projector"))
    for parameter in scope.parameters {
      let expected: Initializer =
        if parameter.shape.rank == 4 {
          .convolution(parameter.shape)
        } else if parameter.shape.rank == 2 {
          .linear(inputs: parameter.shape[1])
        } else if parameter.name == "online.projector.0.bias" {
          .linear(inputs: y.shape[1])
        } else {
          .constant(["weight", "running_var"].contains { parameter.name.hasSuffix($0) } ? 1 : 0)
        }
      #expect(parameter.initializer == expected, "\(parameter.name)")
    }
    let ranks = scope.parameters.map(\.shape.rank)
    #expect(ranks.count { $0 == 4 } == 20 && ranks.count { $0 == 2 } == 2)
  }
}
