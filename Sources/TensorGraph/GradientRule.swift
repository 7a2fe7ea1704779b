import Tensors

/// The gradient of each operation: from the gradients of its first result to those of its operands.
///
/// A rule records the nodes of the gradient. `nil` means that no gradient flows to that operand.
enum GradientRule {
  /// One node, ready for its rule.
  struct Context {
    var operation: Operation
    var operands: [Tensor]
    var results: [Tensor]
    /// The gradients of the first result, at least one; their sum is meant.
    var gradients: [Tensor]
    /// Which operands' gradients are asked for.
    var needed: [Bool]
  }

  /// The gradients of the operands.
  static func operandGradients(_ context: Context) -> [Tensor?] {
    let operands = context.operands
    // The gradient operation of batch normalisation is fused with one addition: it takes the last of the gradients as
    // an operand of its own, and no sum of them has to be written to memory first.
    var gradients = context.gradients[...]
    var last: [Tensor] = []
    if case .batchNormalization = context.operation, gradients.count > 1 {
      last = [gradients.removeLast()]
    }
    let dy = gradients.dropFirst().reduce(gradients[0], +)
    func one(_ operation: Operation, _ inputs: Tensor...) -> Tensor {
      dy.recorder.record(operation, inputs)[0]
    }
    func when(_ operand: Int, _ gradient: () -> Tensor) -> Tensor? {
      context.needed[operand] ? gradient() : nil
    }

    switch context.operation {
    case .input, .variable, .constant, .stopGradient:
      return operands.map { _ in nil }

    case .convolution(let stride, let padding):
      let (x, w) = (operands[0], operands[1])
      return [
        when(0) {
          one(
            .convolutionInputGradient(stride: stride, padding: padding, input: x.shape), dy, w)
        },
        when(1) {
          one(
            .convolutionWeightGradient(stride: stride, padding: padding, weight: w.shape), dy, x)
        },
      ]

    case .batchNormalization(let epsilon, let relu):
      let results = dy.recorder.record(
        .batchNormalizationGradient(epsilon: epsilon, relu: relu),
        [dy, operands[0], context.results[0], operands[1]] + context.results[1...2] + last)
      return Array(results.prefix(operands.count))

    case .maxPool(let size, let stride, let padding):
      return [one(.maxPoolGradient(size: size, stride: stride, padding: padding), dy, operands[0])]
    case .globalAveragePool:
      return [one(.globalAveragePoolGradient(input: operands[0].shape), dy)]

    case .matrixProduct(let transposeFirst, let transposeSecond):
      let (a, b) = (operands[0], operands[1])
      return [
        when(0) {
          transposeFirst
            ? b.multiplied(by: dy, transposeFirst: transposeSecond, transposeSecond: true)
            : dy.multiplied(by: b, transposeSecond: !transposeSecond)
        },
        when(1) {
          transposeSecond
            ? dy.multiplied(by: a, transposeFirst: true, transposeSecond: transposeFirst)
            : a.multiplied(by: dy, transposeFirst: !transposeFirst)
        },
      ]
    case .addBias: return [dy, when(1) { dy.sumOfRows() }]
    case .sumRows: return [one(.repeatRows(operands[0].shape[0]), dy)]
    case .repeatRows: return [dy.sumOfRows()]
    case .sumColumns: return [one(.repeatColumns(operands[0].shape[1]), dy)]
    case .repeatColumns: return [dy.sumOfColumns()]

    case .zeroDiagonal: return [one(.zeroDiagonal, dy)]
    case .logSumExpOfRows(let excludingDiagonal):
      let gradient = Operation.logSumExpOfRowsGradient(excludingDiagonal: excludingDiagonal)
      return [one(gradient, dy, operands[0], context.results[0])]

    case .concatenateRows:
      var first = 0
      return operands.indices.map { index in
        defer { first += operands[index].shape[0] }
        return when(index) { dy.rows(first..<first + operands[index].shape[0]) }
      }
    case .sliceRows(let first, _):
      return [one(.placeRows(first: first, of: operands[0].shape[0]), dy)]

    case .relu: return [one(.reluGradient, dy, context.results[0])]
    case .add: return [dy, dy]
    case .subtract: return [dy, when(1) { dy * -1 }]
    case .multiply: return [when(0) { dy * operands[1] }, when(1) { dy * operands[0] }]
    case .divide:
      let (b, y) = (operands[1], context.results[0])
      return [when(0) { dy / b }, when(1) { dy * y / b * -1 }]
    case .scale(let factor): return [dy * factor]
    case .addScalar: return [dy]
    case .squareRoot: return [dy / context.results[0] * 0.5]
    case .exponential: return [dy * context.results[0]]
    case .logarithm: return [dy / operands[0]]

    case .mean:
      let shape = operands[0].shape
      return [one(.broadcast(shape), dy * (1 / Float(shape.elementCount)))]
    case .l2Normalize(let epsilon):
      return [one(.l2NormalizeGradient(epsilon: epsilon), dy, operands[0])]

    case .convolutionInputGradient, .convolutionWeightGradient, .batchNormalizationGradient,
      .maxPoolGradient, .globalAveragePoolGradient, .reluGradient, .l2NormalizeGradient,
      .logSumExpOfRowsGradient, .batchNormalizationInference, .convolutionWithBias, .broadcast,
      .placeRows, .interpolate, .runningAverage, .optimizerUpdate:
      preconditionFailure(
        "\(context.operation) has no gradient rule: it is never between a parameter and a loss.")
    }
  }
}
