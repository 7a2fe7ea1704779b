import TensorGraph
import Tensors

extension Case {
  /// The table of cases: every operation that a graph of BYOL holds, in several shapes and layouts.
  static let all: [Case] =
    convolutions + biasedConvolutions + normalizations + poolings + matrices + elementwise + updates
    + rows + losses

  private static let convolutions: [Case] =
    [
      (3, 16, 3, 1, 1, 8), (16, 32, 3, 2, 1, 9), (32, 16, 1, 1, 0, 6), (16, 48, 1, 2, 0, 7),
      (3, 64, 7, 2, 3, 20), (5, 7, 3, 1, 1, 6), (24, 24, 3, 1, 1, 5),
      (16, 32, 3, 1, 1, 18), (48, 32, 3, 2, 1, 7), (32, 64, 3, 1, 1, 2), (64, 16, 3, 2, 1, 2),
      (64, 32, 1, 2, 0, 6), (32, 32, 3, 1, 1, 1), (16, 16, 5, 1, 2, 3),
      (64, 48, 3, 1, 1, 7), (48, 64, 3, 2, 1, 8), (32, 64, 3, 1, 1, 5), (64, 32, 3, 1, 1, 4),
      (32, 48, 3, 2, 1, 19),
      (32, 64, 3, 2, 1, 8), (64, 32, 3, 2, 1, 11), (32, 32, 3, 2, 1, 17), (64, 64, 3, 2, 1, 6),
      (3, 32, 7, 2, 3, 21), (5, 32, 5, 1, 2, 6), (2, 32, 7, 3, 2, 20),
    ].map { c, o, k, stride, padding, side in
      Case(
        "convolution \(c)→\(o) \(k)×\(k)/\(stride) of \(side) px",
        [.input("x", [3, c, side, side]), .variable("w", [o, c, k, k])]
      ) { get($0, "x").convolved(with: get($0, "w"), stride: stride, padding: padding) }
    } + [
      Case(
        "two convolutions in a row",
        [
          .input("x", [2, 3, 8, 8]), .variable("w1", [16, 3, 3, 3]),
          .variable("w2", [16, 16, 3, 3]),
        ]
      ) {
        get($0, "x").convolved(with: get($0, "w1"), stride: 1, padding: 1)
          .convolved(with: get($0, "w2"), stride: 2, padding: 1)
      },
      Case(
        "a convolution of eleven pictures",
        [.input("x", [11, 32, 3, 3]), .variable("w", [32, 32, 3, 3])]
      ) {
        get($0, "x").convolved(with: get($0, "w"), stride: 1, padding: 1)
      },
      // More positions than one tile of our own gradients of weights holds.
      Case(
        "a convolution of many positions",
        [.input("x", [3, 32, 27, 26]), .variable("w", [32, 32, 3, 3])]
      ) { get($0, "x").convolved(with: get($0, "w"), stride: 1, padding: 1) },
      Case(
        "one weight in two convolutions",
        [.input("x", [2, 16, 8, 8]), .variable("w", [16, 16, 3, 3])]
      ) {
        let once = get($0, "x").convolved(with: get($0, "w"), stride: 1, padding: 1)
        return once.convolved(with: get($0, "w"), stride: 1, padding: 1)
      },
    ]
    + [
      (48, 32, 27, 25, 1), (48, 32, 26, 28, 1), (32, 48, 26, 28, 1), (48, 32, 36, 36, 2),
      (32, 48, 36, 36, 2), (48, 32, 22, 22, 2), (48, 32, 24, 22, 2),
    ].map { c, o, height, width, stride in
      // Feature maps and rows of even and odd lengths, because positions are summed in pairs. The operand with more
      // channels is read in place, the other is packed.
      Case(
        "a pointwise convolution \(c)→\(o) of \(height)×\(width), stride \(stride)",
        [.input("x", [3, c, height, width]), .variable("w", [o, c, 1, 1])]
      ) { get($0, "x").convolved(with: get($0, "w"), stride: stride, padding: 0) }
    }

  private static let biasedConvolutions: [Case] =
    [
      (3, 64, 7, 2, 3, 20), (16, 32, 3, 1, 1, 9), (32, 16, 1, 1, 0, 6), (16, 48, 1, 2, 0, 7),
      (5, 7, 3, 1, 1, 6), (64, 32, 3, 2, 1, 8), (32, 32, 3, 1, 1, 1), (3, 32, 7, 2, 3, 21),
    ].flatMap { c, o, k, stride, padding, side -> [Case] in
      let y = (side + 2 * padding - k) / stride + 1
      let leaves: [Leaf] = [
        .input("x", [3, c, side, side]), .variable("w", [o, c, k, k]), .input("bias", [o]),
      ]
      let name = "\(c)→\(o) \(k)×\(k)/\(stride) of \(side) px"
      return [
        Case("convolution with bias \(name)", leaves, differentiated: []) {
          get($0, "x").convolved(
            with: get($0, "w"), bias: get($0, "bias"), stride: stride, padding: padding, relu: false
          )
        },
        Case("convolution with bias, rectified, \(name)", leaves, differentiated: []) {
          get($0, "x").convolved(
            with: get($0, "w"), bias: get($0, "bias"), stride: stride, padding: padding, relu: true)
        },
        Case(
          "convolution with bias plus residual, rectified, \(name)",
          leaves + [.input("residual", [3, o, y, y])], differentiated: []
        ) {
          get($0, "x").convolved(
            with: get($0, "w"), bias: get($0, "bias"), residual: get($0, "residual"),
            stride: stride, padding: padding, relu: true)
        },
      ]
    } + [
      Case(
        "a folded residual block",
        [.input("x", [2, 16, 6, 6]), .variable("w1", [16, 16, 3, 3]), .input("bias", [16])],
        differentiated: []
      ) {
        // The sum goes into bytes that nothing else reads any more.
        let first = get($0, "x").relu()
        let second = first.convolved(
          with: get($0, "w1"), bias: get($0, "bias"), stride: 1, padding: 1, relu: true)
        return second.convolved(
          with: get($0, "w1"), bias: get($0, "bias"), residual: first, stride: 1, padding: 1,
          relu: true)
      },
      // Large enough for a kernel of our own, which packs what it reads; the residual is read again or not.
      Case(
        "wide convolutions with bias",
        [
          .input("x", [3, 32, 7, 6]), .variable("w1", [64, 32, 3, 3]),
          .variable("w2", [64, 64, 3, 3]),
          .variable("w3", [64, 64, 3, 3]), .input("bias", [64]),
        ], differentiated: []
      ) {
        let (x, bias) = (get($0, "x").relu(), get($0, "bias"))
        let first = x.convolved(
          with: get($0, "w1"), bias: bias, stride: 1, padding: 1, relu: false)
        let second = first.convolved(
          with: get($0, "w2"), bias: bias, stride: 1, padding: 1, relu: true)
        let third = second.convolved(
          with: get($0, "w3"), bias: bias, residual: first, stride: 1, padding: 1, relu: true)
        return third + second
      },
      Case(
        "a residual that is read again",
        [.input("x", [2, 16, 6, 6]), .variable("w1", [16, 16, 3, 3]), .input("bias", [16])],
        differentiated: []
      ) {
        let first = get($0, "x").relu()
        let second = first.convolved(
          with: get($0, "w1"), bias: get($0, "bias"), residual: first, stride: 1, padding: 1,
          relu: true)
        return second + first
      },
    ]

  private static let normalizations: [Case] =
    [16, 20, 5].flatMap { channels -> [Case] in
      let parameters: [Leaf] = [.input("scale", [channels]), .input("offset", [channels])]
      let x: Leaf = .input("x", [3, channels, 4, 5])
      return [
        Case("batch normalisation of \(channels) channels", [x] + parameters) {
          get($0, "x").batchNormalized(
            scale: get($0, "scale"), offset: get($0, "offset"), epsilon: 1e-5, relu: false
          ).output
        },
        Case("batch normalisation, rectified, of \(channels) channels", [x] + parameters) {
          get($0, "x").batchNormalized(
            scale: get($0, "scale"), offset: get($0, "offset"), epsilon: 1e-5, relu: true
          ).output
        },
        Case(
          "batch normalisation plus residual, rectified, of \(channels) channels",
          [x, .input("residual", x.shape)] + parameters
        ) {
          get($0, "x").batchNormalized(
            scale: get($0, "scale"), offset: get($0, "offset"), residual: get($0, "residual"),
            epsilon: 1e-5, relu: true
          ).output
        },
        // Its gradient adds the last of its readers' gradients itself.
        Case("batch normalisation, read twice, of \(channels) channels", [x] + parameters) {
          get($0, "x").batchNormalized(
            scale: get($0, "scale"), offset: get($0, "offset"), epsilon: 1e-5, relu: false
          ).output.squared()
        },
        Case(
          "batch normalisation plus residual, rectified, read three times, of \(channels) channels",
          [x, .input("residual", x.shape)] + parameters
        ) {
          let y = get($0, "x").batchNormalized(
            scale: get($0, "scale"), offset: get($0, "offset"), residual: get($0, "residual"),
            epsilon: 1e-5, relu: true
          ).output
          return y.squared() + y
        },
        Case(
          "normalisation with given statistics of \(channels) channels",
          [x, .input("mean", [channels]), .input("variance", [channels])] + parameters,
          differentiated: []
        ) {
          get($0, "x").normalized(
            scale: get($0, "scale"), offset: get($0, "offset"), mean: get($0, "mean"),
            variance: get($0, "variance"), epsilon: 1e-5, relu: true)
        },
      ]
    } + [
      Case(
        "batch normalisation of rows",
        [.input("x", [9, 40]), .input("scale", [40]), .input("offset", [40])]
      ) {
        get($0, "x").batchNormalized(
          scale: get($0, "scale"), offset: get($0, "offset"), epsilon: 1e-5, relu: true
        ).output
      },
      Case(
        "a residual block",
        [
          .input("x", [2, 16, 6, 6]), .variable("w1", [16, 16, 3, 3]), .input("scale", [16]),
          .input("offset", [16]),
        ],
        // Where rounding moves a sum over 0, the rectifier lets a whole gradient pass or not.
        bfloat16Tolerance: 5e-3
      ) {
        let x = get($0, "x")
        return x.convolved(with: get($0, "w1"), stride: 1, padding: 1).batchNormalized(
          scale: get($0, "scale"), offset: get($0, "offset"), residual: x, epsilon: 1e-5, relu: true
        ).output
      },
    ]

  private static let poolings: [Case] = [16, 6].flatMap { channels -> [Case] in
    let x: Leaf = .input("x", [2, channels, 9, 8])
    return [
      Case("max pooling 3/2 of \(channels) channels", [x]) {
        get($0, "x").maxPooled(size: 3, stride: 2, padding: 1)
      },
      Case(
        "max pooling 3/2 of an even feature map of \(channels) channels",
        [.input("x", [2, channels, 10, 8])]
      ) {
        get($0, "x").maxPooled(size: 3, stride: 2, padding: 1)
      },
      Case("max pooling 2/2 of \(channels) channels", [x]) {
        get($0, "x").maxPooled(size: 2, stride: 2, padding: 0)
      },
      Case("average pooling of \(channels) channels", [x]) { get($0, "x").globalAveragePooled() },
    ]
  }

  private static let matrices: [Case] =
    [(false, false), (false, true), (true, false), (true, true)]
    .map { first, second in
      Case(
        "matrix product, transposed \(first), \(second)",
        [.input("a", first ? [7, 5] : [5, 7]), .input("b", second ? [6, 7] : [7, 6])]
      ) {
        get($0, "a").multiplied(by: get($0, "b"), transposeFirst: first, transposeSecond: second)
      }
    } + [
      Case("bias", [.input("x", [5, 37]), .input("bias", [37])]) {
        get($0, "x").adding(bias: get($0, "bias"))
      },
      Case("sum of columns", [.input("x", [5, 37])]) { get($0, "x").sumOfColumns() },
      Case("rows to unit length", [.input("x", [5, 37])]) { get($0, "x").l2Normalized() },
      Case("sum of rows", [.input("x", [5, 37])]) { get($0, "x").sumOfRows() },
    ]

  private static let elementwise: [Case] = [[5, 37], [2, 16, 3, 3], [2, 5, 3, 3]]
    .flatMap { (shape: Shape) -> [Case] in
      let pair: [Leaf] = [.input("a", shape), .input("b", shape)]
      return [
        Case("sum of \(shape)", pair) { get($0, "a") + get($0, "b") },
        Case("difference of \(shape)", pair) { get($0, "a") - get($0, "b") },
        Case("product of \(shape)", pair) { get($0, "a") * get($0, "b") },
        Case("square of \(shape)", [.input("a", shape)]) { get($0, "a").squared() },
        Case("quotient of \(shape)", pair, positive: ["b"]) { get($0, "a") / get($0, "b") },
        Case("square root of \(shape)", [.input("a", shape)], positive: ["a"]) {
          get($0, "a").squareRoot()
        },
        Case("exponential of \(shape)", [.input("a", shape)]) { get($0, "a").exponential() },
        Case("logarithm of \(shape)", [.input("a", shape)], positive: ["a"]) {
          get($0, "a").logarithm()
        },
        Case("\(shape) plus a number", [.input("a", shape)]) { get($0, "a") + 0.75 },
        Case("multiple of \(shape)", [.input("a", shape)]) { get($0, "a") * -2.5 },
        Case("rectifier of \(shape)", [.input("a", shape)]) { get($0, "a").relu() },
        Case("stopped gradient of \(shape)", pair, differentiated: ["b"]) {
          get($0, "a").stoppingGradient() * get($0, "b")
        },
        Case("running average of \(shape)", pair, differentiated: []) {
          get($0, "a").runningAverage(of: get($0, "b"), rate: 0.1, correction: 1.5)
        },
        Case("interpolation of \(shape)", pair + [.input("tau", [])], differentiated: []) {
          get($0, "a").interpolated(toward: get($0, "b"), tau: get($0, "tau"))
        },
      ]
    }
}
