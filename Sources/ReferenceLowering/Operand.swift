import Tensors

/// An operand with its logical shape, row-major.
struct Operand {
  var shape: Shape
  var values: [Double]

  /// The row-major index of element `[n, c, y, x]` of a rank-4 tensor.
  func index(_ n: Int, _ c: Int, _ y: Int, _ x: Int) -> Int {
    ((n * shape[1] + c) * shape[2] + y) * shape[3] + x
  }

  /// The channel of each element: the second axis of `[N,C,H,W]` or `[N,C]`.
  var channelStride: Int { shape.rank == 4 ? shape[2] * shape[3] : 1 }
}

extension Shape {
  /// An operand of zeros, to be filled.
  var zeros: Operand { Operand(shape: self, values: .init(repeating: 0, count: elementCount)) }
}
