import TensorGraph
import Tensors

extension Case {
  /// Copies along the first axis, and what treats rows or the diagonal of a matrix in its own way.
  static let rows: [Case] = copies + matrixRows

  private static let copies: [Case] =
    [[3, 37], [4], [2, 16, 3, 3], [2, 5, 3, 3]]
    .flatMap { (shape: Shape) -> [Case] in
      let more = Shape([5] + shape.dimensions.dropFirst())
      return [
        Case(
          "rows of \(shape), \(more) and again the first", [.input("a", shape), .input("b", more)]
        ) {
          .concatenatingRows([get($0, "a"), get($0, "b"), get($0, "a")])
        },
        Case("rows 1 to 3 of \(more)", [.input("b", more)]) { get($0, "b").rows(1..<4) },
        Case("overlapping rows of \(more)", [.input("b", more)]) {
          get($0, "b").rows(0..<3) * get($0, "b").rows(2..<5)
        },
        // The gradient of a slice of a slice pads rows with zeros twice.
        Case("rows of rows of \(more)", [.input("b", more)]) {
          get($0, "b").rows(1..<5).rows(0..<2).squared()
        },
      ]
    } + [
      Case(
        "a convolution of two batches in one",
        [.input("a", [2, 3, 6, 6]), .input("b", [3, 3, 6, 6]), .variable("w", [16, 3, 3, 3])]
      ) {
        Tensor.concatenatingRows([get($0, "a"), get($0, "b")])
          .convolved(with: get($0, "w"), stride: 1, padding: 1)
      },
      Case(
        "rows of a batch before and behind a convolution",
        [.input("x", [5, 16, 6, 6]), .variable("w", [32, 16, 3, 3])]
      ) {
        get($0, "x").rows(1..<5).convolved(with: get($0, "w"), stride: 2, padding: 1).rows(2..<4)
      },
      // Weights are float32, activations are what the precision says.
      Case(
        "rows of weights and activations",
        [.input("x", [2, 16, 3, 3]), .variable("w", [3, 16, 3, 3])]
      ) {
        .concatenatingRows([get($0, "x").relu(), get($0, "w")])
      },
    ]

  private static let matrixRows: [Case] =
    [
      Case("a row repeated", [.input("x", [37])]) { get($0, "x").repeatedRows(5) },
      Case("a column repeated", [.input("x", [5])]) { get($0, "x").repeatedColumns(37) },
      Case("a square without its diagonal", [.input("x", [19, 19])]) {
        get($0, "x").zeroingDiagonal()
      },
      Case("log-sum-exp of rows", [.input("x", [5, 37])]) { get($0, "x").logSumExpOfRows() },
      Case("log-sum-exp of one column", [.input("x", [5, 1])]) { get($0, "x").logSumExpOfRows() },
      // exp(±300) is no float32.
      Case("log-sum-exp of great numbers", [.input("x", [5, 37])]) {
        (get($0, "x") * 300).logSumExpOfRows()
      },
    ]
    + [2, 16, 17, 33].map { side in
      Case("log-sum-exp of \(side) rows without the diagonal", [.input("x", [side, side])]) {
        (get($0, "x") * 4).logSumExpOfRows(excludingDiagonal: true)
      }
    } + [
      Case(
        "log-sum-exp of a team's rows without the diagonal", [.input("x", [150, 150])]
      ) { (get($0, "x") * 10).logSumExpOfRows(excludingDiagonal: true) }
    ]

  /// What methods minimise, from the outputs of their networks.
  static let losses: [Case] =
    [2, 3, 4].map { count in
      Case(
        "NT-Xent of \(count) views",
        (0..<count).map { .input("z\($0)", [6, 8]) }
      ) { leaves in
        ntXent((0..<count).map { get(leaves, "z\($0)") }, temperature: 0.25)
      }
    } + [
      Case("VICReg", [.input("x", [9, 6]), .input("y", [9, 6])]) {
        vicReg(get($0, "x"), get($0, "y"))
      },
      Case(
        "BYOL's loss",
        [
          .input("p1", [6, 8]), .input("p2", [6, 8]), .input("z1", [6, 8]), .input("z2", [6, 8]),
        ],
        differentiated: ["p1", "p2"]
      ) {
        bootstrap([get($0, "p1"), get($0, "p2")], [get($0, "z1"), get($0, "z2")])
      },
    ]
}
