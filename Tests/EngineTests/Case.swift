import Randomness
import Tensors
import Testing

@testable import TensorGraph

/// One small graph for every lowering: leaves with random values, and one tensor to look at.
struct Case: Sendable, CustomTestStringConvertible {
  var name: String
  var leaves: [Leaf]
  /// Leaves whose gradient is compared too.
  var differentiated: [String]
  /// The normalised squared error that bfloat16 may make.
  var bfloat16Tolerance: Double
  /// Leaves whose values are positive.
  var positive: Set<String>
  /// Records the tensors to look at from the leaves. The first is called `y`, and its gradients are taken.
  var record: @Sendable ([String: Tensor]) -> [(name: String, tensor: Tensor)]

  var testDescription: String { name }

  init(
    _ name: String, _ leaves: [Leaf], differentiated: [String]? = nil,
    bfloat16Tolerance: Double = 1e-4, positive: Set<String> = ["variance"],
    _ record: @escaping @Sendable ([String: Tensor]) -> Tensor
  ) {
    self.init(
      results: name, leaves, differentiated: differentiated,
      bfloat16Tolerance: bfloat16Tolerance, positive: positive
    ) { [("y", record($0))] }
  }

  /// A case with several tensors to look at.
  init(
    results name: String, _ leaves: [Leaf], differentiated: [String]? = nil,
    bfloat16Tolerance: Double = 1e-4, positive: Set<String> = [],
    _ record: @escaping @Sendable ([String: Tensor]) -> [(name: String, tensor: Tensor)]
  ) {
    self.name = name
    self.leaves = leaves
    self.differentiated = differentiated ?? leaves.map(\.name)
    self.bfloat16Tolerance = bfloat16Tolerance
    self.positive = positive
    self.record = record
  }

  /// The leaves' values: uniform in ±1, or in 0.5…1.5 where they are positive.
  ///
  /// Unless `isExact`, all of them are numbers of bfloat16, so that what a lowering makes of them differs by its own
  /// rounding alone. Exact ones have all the bits of float32, for finite differences: in a window of bfloat16 numbers two
  /// greatest ones are often equal, and there the maximum has no derivative.
  func values(isExact: Bool = false) -> [String: [Float]] {
    var values: [String: [Float]] = [:]
    for (index, leaf) in leaves.enumerated() {
      var stream = RandomStream(seed: 1, purpose: .evaluation, index: index)
      values[leaf.name] = (0..<leaf.shape.elementCount).map { _ in
        let value = stream.uniform(in: -1...1)
        let moved = positive.contains(leaf.name) ? 1 + value / 2 : value
        return isExact ? moved : moved.roundedToBFloat16
      }
    }
    return values
  }

  /// The graph: outputs `y` and the other results, a scalar `loss` that weighs each element of `y` differently, and
  /// its gradients `d<leaf>`, recorded by `rule`.
  func graph(
    by rule: (GradientRule.Context) -> [Tensor?] = GradientRule.operandGradients
  ) -> Graph {
    let recorder = Recorder()
    let leaves = recordLeaves(recorder)
    let results = record(leaves)
    for result in results { recorder.output(result.name, result.tensor) }
    guard !differentiated.isEmpty else { return recorder.graph }
    let loss = recordLoss(of: results[0].tensor)
    let parameters = differentiated.map { Case.get(leaves, $0) }
    for (name, gradient) in zip(differentiated, loss.gradients(of: parameters, by: rule)) {
      recorder.output("d\(name)", gradient)
    }
    return recorder.graph
  }

  /// The graph of the `loss` alone: its forward pass.
  func forwardGraph() -> Graph {
    let recorder = Recorder()
    _ = recordLoss(of: record(recordLeaves(recorder))[0].tensor)
    return recorder.graph
  }

  private func recordLeaves(_ recorder: Recorder) -> [String: Tensor] {
    var tensors: [String: Tensor] = [:]
    for leaf in leaves {
      tensors[leaf.name] =
        leaf.isVariable
        ? recorder.variable(leaf.name, leaf.shape) : recorder.input(leaf.name, leaf.shape)
    }
    return tensors
  }

  private func recordLoss(of y: Tensor) -> Tensor {
    let loss = (y * y.recorder.input("weight of y", y.shape)).mean()
    y.recorder.output("loss", loss)
    return loss
  }

  /// A value for `weight of y`, if the graph has it.
  func weight(of graph: Graph) -> [Float] {
    guard let input = graph.inputs.first(where: { $0.name == "weight of y" }) else { return [] }
    var stream = RandomStream(seed: 2, purpose: .evaluation)
    return (0..<graph.nodes[input.node].shapes[0].elementCount).map { _ in
      stream.uniform(in: -1...1).roundedToBFloat16
    }
  }
}

/// An input or a variable of a case.
struct Leaf: Sendable {
  var name: String
  var shape: Shape
  var isVariable: Bool

  static func input(_ name: String, _ shape: Shape) -> Leaf {
    Leaf(name: name, shape: shape, isVariable: false)
  }

  static func variable(_ name: String, _ shape: Shape) -> Leaf {
    Leaf(name: name, shape: shape, isVariable: true)
  }
}

extension Float {
  /// The nearest number with 7 bits of fraction, ties away from zero.
  fileprivate var roundedToBFloat16: Float {
    Float(bitPattern: (bitPattern &+ 0x8000) & 0xFFFF_0000)
  }
}

extension Case {
  /// The leaf of that name.
  static func get(_ leaves: [String: Tensor], _ name: String) -> Tensor {
    guard let tensor = leaves[name] else { preconditionFailure("No leaf \(name).") }
    return tensor
  }
}
