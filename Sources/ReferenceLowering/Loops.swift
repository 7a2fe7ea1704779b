import TensorGraph
import Tensors

/// Calls `body(x, w, y)` for every product of a convolution, with the row-major indices of its three elements.
func forEachProduct(
  _ input: Shape, _ weight: Operand, _ output: Operand, _ stride: Int, _ padding: Int,
  _ body: (_ x: Int, _ w: Int, _ y: Int) -> Void
) {
  let (height, width) = (input[2], input[3])
  let (channels, kernelHeight, kernelWidth) = (weight.shape[1], weight.shape[2], weight.shape[3])
  let (outputRows, outputColumns) = (output.shape[2], output.shape[3])
  // The loops go through the output in row-major order.
  var y = 0
  for n in 0..<output.shape[0] {
    for o in 0..<output.shape[1] {
      for row in 0..<outputRows {
        for column in 0..<outputColumns {
          for c in 0..<channels {
            for ky in 0..<kernelHeight {
              let inputRow = row * stride - padding + ky
              guard inputRow >= 0, inputRow < height else { continue }
              let x = ((n * channels + c) * height + inputRow) * width
              let w = ((o * channels + c) * kernelHeight + ky) * kernelWidth
              for kx in 0..<kernelWidth {
                let inputColumn = column * stride - padding + kx
                guard inputColumn >= 0, inputColumn < width else { continue }
                body(x + inputColumn, w + kx, y)
              }
            }
          }
          y += 1
        }
      }
    }
  }
}

/// Calls `body(x, y)` for every pooling window, with the row-major indices of its first greatest element and of its
/// output.
func forEachWindowMaximum(
  _ input: Operand, _ output: Operand, _ size: Int, _ stride: Int, _ padding: Int,
  _ body: (_ x: Int, _ y: Int) -> Void
) {
  let (shape, out) = (input.shape, output.shape)
  for n in 0..<out[0] {
    for c in 0..<out[1] {
      for row in 0..<out[2] {
        for column in 0..<out[3] {
          var best = -1
          for inputRow in row * stride - padding..<row * stride - padding + size {
            for inputColumn in column * stride - padding..<column * stride - padding + size {
              guard (0..<shape[2]).contains(inputRow), (0..<shape[3]).contains(inputColumn) else {
                continue
              }
              let index = input.index(n, c, inputRow, inputColumn)
              if best < 0 || input.values[index] > input.values[best] { best = index }
            }
          }
          body(best, output.index(n, c, row, column))
        }
      }
    }
  }
}

func matrixProduct(
  _ a: Operand, _ transposeFirst: Bool, _ b: Operand, _ transposeSecond: Bool, _ shape: Shape
) -> [Double] {
  let inner = a.shape[transposeFirst ? 0 : 1]
  var product = [Double](repeating: 0, count: shape.elementCount)
  for row in 0..<shape[0] {
    for column in 0..<shape[1] {
      for k in 0..<inner {
        let left = transposeFirst ? k * shape[0] + row : row * inner + k
        let right = transposeSecond ? column * inner + k : k * shape[1] + column
        product[row * shape[1] + column] += a.values[left] * b.values[right]
      }
    }
  }
  return product
}

func l2Normalize(_ x: Operand, epsilon: Double) -> [Double] {
  let columns = x.shape[1]
  return x.values.indices.map { index in
    let row = x.values[index / columns * columns..<(index / columns + 1) * columns]
    let norm = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return x.values[index] / max(norm, epsilon)
  }
}

/// `(dy − y·⟨dy, y⟩) / ‖x‖`; where the norm is below `epsilon`, `dy / epsilon`.
func l2NormalizeGradient(_ dy: Operand, _ x: Operand, epsilon: Double) -> [Double] {
  let columns = x.shape[1]
  return x.values.indices.map { index in
    let row = index / columns * columns..<(index / columns + 1) * columns
    let norm = x.values[row].reduce(0) { $0 + $1 * $1 }.squareRoot()
    guard norm > epsilon else { return dy.values[index] / epsilon }
    let projection = zip(dy.values[row], x.values[row]).reduce(0) { $0 + $1.0 * $1.1 }
    return (dy.values[index] - x.values[index] * projection / (norm * norm)) / norm
  }
}
