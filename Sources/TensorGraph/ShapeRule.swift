import Tensors

/// The shapes of an operation's results from those of its operands.
enum ShapeRule {
  /// The results' shapes; traps with the shapes where they do not fit.
  static func results(of operation: Operation, operands: [Shape]) -> [Shape] {
    func require(_ holds: Bool) {
      precondition(holds, "\(operation) of \(operands.map(\.description).joined(separator: ", "))")
    }
    func sameShapes(_ count: Int) -> Shape {
      require(operands.count == count && operands.allSatisfy { $0 == operands[0] })
      return operands[0]
    }
    switch operation {
    case .input, .variable:
      preconditionFailure("Leaves are recorded with their shape.")
    case .constant: return [[]]

    case .convolution(let stride, let padding):
      require(operands.count == 2 && operands[0].rank == 4 && operands[1].rank == 4)
      let (x, w) = (operands[0], operands[1])
      let height = windows(x[2], w[2], stride, padding)
      let width = windows(x[3], w[3], stride, padding)
      require(x[1] == w[1] && height > 0 && width > 0)
      return [[x[0], w[0], height, width]]
    case .convolutionInputGradient(let stride, let padding, let input):
      require(operands.count == 2)
      require(
        results(
          of: .convolution(stride: stride, padding: padding), operands: [input, operands[1]])
          == [operands[0]])
      return [input]
    case .convolutionWeightGradient(let stride, let padding, let weight):
      require(operands.count == 2)
      require(
        results(
          of: .convolution(stride: stride, padding: padding), operands: [operands[1], weight])
          == [operands[0]])
      return [weight]

    case .convolutionWithBias(let stride, let padding, _):
      require(operands.count == 3 || operands.count == 4)
      let y = results(
        of: .convolution(stride: stride, padding: padding), operands: Array(operands[..<2]))
      require(operands[2] == [y[0][1]] && (operands.count == 3 || operands[3] == y[0]))
      return y

    case .batchNormalization:
      require(operands.count == 3 || operands.count == 4)
      requireChannels(operands[0], operands[1...2], require)
      require(operands.count == 3 || operands[3] == operands[0])
      return [operands[0], [operands[0][1]], [operands[0][1]]]
    case .batchNormalizationGradient:
      require(operands.count == 6 || operands.count == 7)
      require((operands[1...2] + operands.dropFirst(6)).allSatisfy { $0 == operands[0] })
      requireChannels(operands[0], operands[3...5], require)
      return [operands[0], operands[3], operands[3], operands[0]]
    case .batchNormalizationInference:
      require(operands.count == 5 || operands.count == 6)
      requireChannels(operands[0], operands[1...4], require)
      require(operands.count == 5 || operands[5] == operands[0])
      return [operands[0]]

    case .maxPool(let size, let stride, let padding):
      require(operands.count == 1 && operands[0].rank == 4 && padding < size)
      let x = operands[0]
      let height = windows(x[2], size, stride, padding)
      let width = windows(x[3], size, stride, padding)
      require(height > 0 && width > 0)
      return [[x[0], x[1], height, width]]
    case .maxPoolGradient(let size, let stride, let padding):
      require(operands.count == 2)
      require(
        results(
          of: .maxPool(size: size, stride: stride, padding: padding), operands: [operands[1]])
          == [operands[0]])
      return [operands[1]]
    case .globalAveragePool:
      require(operands.count == 1 && operands[0].rank == 4)
      return [[operands[0][0], operands[0][1]]]
    case .globalAveragePoolGradient(let input):
      require(operands == [[input[0], input[1]]])
      return [input]

    case .matrixProduct(let transposeFirst, let transposeSecond):
      require(operands.count == 2 && operands.allSatisfy { $0.rank == 2 })
      let (a, b) = (operands[0], operands[1])
      let (rows, inner) = transposeFirst ? (a[1], a[0]) : (a[0], a[1])
      let (innerToo, columns) = transposeSecond ? (b[1], b[0]) : (b[0], b[1])
      require(inner == innerToo)
      return [[rows, columns]]
    case .addBias:
      require(operands.count == 2 && operands[0].rank == 2 && operands[1] == [operands[0][1]])
      return [operands[0]]
    case .sumRows:
      require(operands.count == 1 && operands[0].rank == 2)
      return [[operands[0][1]]]
    case .sumColumns:
      require(operands.count == 1 && operands[0].rank == 2)
      return [[operands[0][0]]]
    case .repeatColumns(let columns):
      require(operands.count == 1 && operands[0].rank == 1)
      return [[operands[0][0], columns]]

    case .repeatRows(let rows):
      require(operands.count == 1 && operands[0].rank == 1 && rows > 0)
      return [[rows, operands[0][0]]]
    case .zeroDiagonal:
      require(operands.count == 1 && isSquare(operands[0]))
      return [operands[0]]
    case .logSumExpOfRows(let excludingDiagonal):
      require(operands.count == 1 && operands[0].rank == 2 && operands[0][1] > 0)
      require(!excludingDiagonal || isSquare(operands[0]) && operands[0][0] > 1)
      return [[operands[0][0]]]
    case .logSumExpOfRowsGradient(let excludingDiagonal):
      require(operands.count == 3 && operands[0] == operands[2])
      require(
        results(
          of: .logSumExpOfRows(excludingDiagonal: excludingDiagonal), operands: [operands[1]])
          == [operands[0]])
      return [operands[1]]

    case .concatenateRows:
      require(!operands.isEmpty && operands.allSatisfy { $0.rank > 0 })
      let row = operands[0].dimensions.dropFirst()
      require(operands.allSatisfy { $0.dimensions.dropFirst() == row })
      return [Shape([operands.reduce(0) { $0 + $1[0] }] + row)]
    case .sliceRows(let first, let count):
      require(operands.count == 1 && operands[0].rank > 0)
      require(first >= 0 && count > 0 && count <= operands[0][0] - first)
      return [Shape([count] + operands[0].dimensions.dropFirst())]
    case .placeRows(let first, let rows):
      require(operands.count == 1 && operands[0].rank > 0)
      require(first >= 0 && operands[0][0] <= rows - first)
      return [Shape([rows] + operands[0].dimensions.dropFirst())]

    case .relu, .scale, .addScalar, .squareRoot, .exponential, .logarithm, .stopGradient:
      return [sameShapes(1)]
    case .reluGradient, .add, .subtract, .multiply, .divide, .runningAverage:
      return [sameShapes(2)]

    case .mean:
      require(operands.count == 1 && operands[0].elementCount > 0)
      return [[]]
    case .broadcast(let shape):
      require(operands == [[]])
      return [shape]
    case .l2Normalize:
      require(operands.count == 1 && operands[0].rank == 2)
      return [operands[0]]
    case .l2NormalizeGradient:
      require(operands.count == 2 && operands[0].rank == 2)
      return [sameShapes(2)]

    case .interpolate:
      require(operands.count == 3 && operands[0] == operands[1] && operands[2] == [])
      return [operands[0]]
    case .optimizerUpdate(let rule):
      guard let roles = rule.operands(operands) else {
        preconditionFailure("\(rule) of \(operands.count) operands, without a gradient.")
      }
      require((roles.slots + roles.gradients).allSatisfy { $0 == roles.parameter })
      require(roles.scalars.allSatisfy { $0 == [] })
      return [roles.parameter] + roles.slots
    }
  }

  /// The output positions of a kernel of `size` along an axis.
  private static func windows(_ length: Int, _ size: Int, _ stride: Int, _ padding: Int) -> Int {
    length + 2 * padding < size ? 0 : (length + 2 * padding - size) / stride + 1
  }

  private static func isSquare(_ shape: Shape) -> Bool { shape.rank == 2 && shape[0] == shape[1] }

  private static func requireChannels(
    _ x: Shape, _ parameters: ArraySlice<Shape>, _ require: (Bool) -> Void
  ) {
    require(x.rank == 4 || x.rank == 2)
    require(parameters.allSatisfy { $0 == [x[1]] })
  }
}
