import CKernels
import COneDNN
import TensorGraph
import Tensors

/// A convolution or a gradient of one that our own kernels compute.
struct OwnConvolution {
  /// Which of them.
  enum Kernel: String {
    case winograd
    case pointwise
    case smallPlanes = "small planes"
    case fewChannels = "few channels"
  }

  /// What is computed of the other two of x, w and y.
  enum Result {
    case y, dx, dw
  }

  var kernel: Kernel
  var shape: ck_convolution

  /// Bytes of workspace that a run of the kernel needs.
  func workspaceByteCount(isWeightGradient: Bool, threads: ThreadBudget) -> Int {
    switch (kernel, isWeightGradient) {
    case (.winograd, false): Int(ck_winograd_bytes(shape, Int32(threads.count)))
    case (.winograd, true): Int(ck_winograd_gradient_bytes(shape, Int32(threads.count)))
    case (.pointwise, _): Int(ck_pointwise_gradient_bytes(shape, Int32(threads.count)))
    case (.smallPlanes, false): 0
    case (.smallPlanes, true): Int(ck_small_weight_gradient_bytes(shape))
    case (.fewChannels, false): Int(ck_few_channels_bytes(shape, Int32(threads.count)))
    case (.fewChannels, true): Int(ck_few_channels_gradient_bytes(shape, Int32(threads.count)))
    }
  }
}

/// Weights packed for one of our own kernels.
struct PackedWeights: Hashable {
  /// The weights' root.
  var weights: Graph.Value
  /// For the gradient of the input rather than for the convolution.
  var isGradient: Bool
  var kernel: OwnConvolution.Kernel
  var stride: Int64
}

// MARK: Our own convolutions

extension Compilation {
  /// Where our own kernels are faster than oneDNN's, or than one another, as measured.
  private enum Faster {
    /// The most pixels of y's plane for a gradient of weights of small planes, in steps of one pixel and of more, and
    /// for the other two.
    static let smallWeightGradient = (single: 256, strided: 784)
    static let smallProduct = 64
    /// The most pixels of a plane on which the edge is so much of it that Winograd's kernels do not pay.
    static let tinyPlane = 4
    /// The most sums of outer products that a thread keeps, while small planes are an alternative.
    static let outerSums = 1 << 20
    /// The windows, and the most channels, for which rows of pixels are summed. A window of 3×3 would gain a thousandth
    /// of an update and lose exactness.
    static let fewChannels = (sizes: 5...7, most: 15)
  }

  /// Our own kernel for the convolution of x and w to y or a gradient of it, where both have the layout
  /// `activations`, if it is faster than oneDNN's and nothing has settled another layout of the weights than
  /// `[out][row][column][in]`. An x of few channels has them last.
  mutating func ownConvolution(
    _ computed: OwnConvolution.Result, x: Graph.Value, w: Graph.Value, y: Graph.Value, stride: Int,
    padding: Int, activations: Storage = .blocked(ck_bfloat16)
  ) throws(LoweringError) -> OwnConvolution? {
    guard ck_has_bfloat16(), storage(of: y) == activations else { return nil }
    let (source, result, weight) = (graph.shape(of: x), graph.shape(of: y), graph.shape(of: w))
    guard
      let kernel = ownKernel(
        computed, weight: weight, pixels: result[2] * result[3], stride: stride, padding: padding)
    else { return nil }
    let pictures = Storage.channelsLast(ck_bfloat16)
    let fits =
      switch kernel {
      case .fewChannels: [nil, pictures].contains(storages[classes.representative(x)])
      case .winograd: storage(of: x) == activations
      case .pointwise, .smallPlanes:
        storage(of: x) == activations && activations == .blocked(ck_bfloat16)
      }
    guard fits else { return nil }
    let layout = try MemoryDescription(weight, dnnl_f32, dnnl_ohwi)
    settle(w, layout)
    guard storage(of: w) == .kernel(layout) else { return nil }
    if kernel == .fewChannels { settle(x, pictures) }
    let shape = ck_convolution(
      images: Int64(source[0]), in_channels: Int64(source[1]), out_channels: Int64(result[1]),
      height: Int64(source[2]), width: Int64(source[3]), out_height: Int64(result[2]),
      out_width: Int64(result[3]), size: Int64(weight[2]), stride: Int64(stride),
      padding: Int64(padding))
    return OwnConvolution(kernel: kernel, shape: shape)
  }

  private func ownKernel(
    _ computed: OwnConvolution.Result, weight: Shape, pixels: Int, stride: Int, padding: Int
  ) -> OwnConvolution.Kernel? {
    let (channels, size, isWeightGradient) = (weight[0] * weight[1], weight[2], computed == .dw)
    if computed != .dx, Faster.fewChannels.sizes.contains(size),
      weight[1] <= Faster.fewChannels.most, weight[0] % 32 == 0
    {
      return .fewChannels
    }
    let smallWeightGradient =
      stride == 1 ? Faster.smallWeightGradient.single : Faster.smallWeightGradient.strided
    let isSmall =
      size <= 7 && pixels <= (isWeightGradient ? smallWeightGradient : Faster.smallProduct)
    func areFew(_ sums: Int) -> Bool { !isSmall || sums <= Faster.outerSums }
    // In steps of two less is saved, and nothing on a small odd plane, whose tiles hang over the edge.
    let isSaving =
      stride == 1
      || stride == 2 && !isWeightGradient && (pixels % 2 == 0 || pixels > Faster.smallProduct)
    let isWinograd =
      size == 3 && padding == 1 && pixels > Faster.tinyPlane && isSaving
      && weight[0] % 32 == 0 && weight[1] % 32 == 0
    if isWinograd, !isWeightGradient || areFew(16 * channels) { return .winograd }
    if isWeightGradient, size == 1, padding == 0, pixels > Faster.smallProduct { return .pointwise }
    return isSmall ? .smallPlanes : nil
  }

  /// Bytes of workspace that our own convolutions need.
  var ownWorkspaceByteCount: Int {
    own.map { index, convolution in
      convolution.workspaceByteCount(
        isWeightGradient: isWeightGradient(index), threads: lowering.threads)
    }.max() ?? 0
  }

  private func isWeightGradient(_ index: Int) -> Bool {
    if case .convolutionWeightGradient = graph.nodes[index].operation { true } else { false }
  }

  /// Binds our own kernel of a convolution or of a gradient of one.
  mutating func appendOwnConvolution(_ index: Int, _ convolution: OwnConvolution)
    throws(LoweringError)
  {
    let inputs = graph.nodes[index].inputs
    let result = Graph.Value(node: index)
    let (kernel, shape) = (convolution.kernel, convolution.shape)
    let source = unsafe address(inputs[0])
    let workspace = unsafe memory.base(memory.workspace)
    if isWeightGradient(index) {
      let x = unsafe address(inputs[1])
      let dw = unsafe floats(result)
      return try append(index, kernel: kernel.rawValue) {
        switch kernel {
        case .winograd: unsafe ck_winograd_gradient(shape, x, source, dw, workspace)
        case .pointwise: unsafe ck_pointwise_gradient(shape, x, source, dw, workspace)
        case .smallPlanes: unsafe ck_small_weight_gradient(shape, x, source, dw, workspace)
        case .fewChannels: unsafe ck_few_channels_gradient(shape, x, source, dw, workspace)
        }
      }
    }
    var isGradient = true
    if case .convolution = graph.nodes[index].operation { isGradient = false }
    let packed = try unsafe packedWeights(inputs[1], convolution, isGradient, index)
    let (to, flag) = unsafe (address(result), isGradient)
    try append(index, kernel: kernel.rawValue) {
      switch kernel {
      case .winograd: unsafe ck_winograd(shape, flag, source, packed, to, workspace)
      case .fewChannels:
        unsafe ck_few_channels(shape, source, packed, true, ck_epilogue(), to, workspace)
      default: unsafe ck_small_convolution(shape, flag, source, packed, to)
      }
    }
  }

  /// Binds our own kernel of a convolution with bias, which adds a residual wherever it lies.
  mutating func appendOwnInference(
    _ index: Int, _ convolution: OwnConvolution, relu: Bool
  ) throws(LoweringError) {
    let inputs = graph.nodes[index].inputs
    let shape = convolution.shape
    let packed = try unsafe packedWeights(inputs[1], convolution, false, index)
    let (x, y, workspace) = unsafe (
      address(inputs[0]), address(.init(node: index)), memory.base(memory.workspace)
    )
    let epilogue = unsafe ck_epilogue(
      bias: floats(inputs[2]), residual: inputs.count == 4 ? address(inputs[3]) : nil,
      relu: relu)
    let kernel = convolution.kernel
    try append(index, kernel: kernel.rawValue) {
      if kernel == .fewChannels {
        unsafe ck_few_channels(shape, x, packed, false, epilogue, y, workspace)
      } else {
        unsafe ck_winograd_channels_last(shape, x, packed, epilogue, y, workspace)
      }
    }
  }

  /// Where packed weights lie; they are packed at their first use in a run, since weights change only at its
  /// end, or before a run where only the host changes them.
  private mutating func packedWeights(
    _ value: Graph.Value, _ convolution: OwnConvolution, _ isGradient: Bool, _ index: Int
  ) throws(LoweringError) -> UnsafeMutableRawPointer {
    let (kernel, shape) = (convolution.kernel, convolution.shape)
    let key = PackedWeights(
      weights: root(value), isGradient: isGradient, kernel: kernel, stride: shape.stride)
    if let block = memory.packed[key] { return unsafe memory.base(block) }
    let byteCount =
      switch kernel {
      case .winograd: Int(ck_winograd_filter_bytes(shape))
      case .fewChannels: Int(ck_few_channels_filter_bytes(shape))
      default: Int(ck_packed_weights_bytes(shape))
      }
    let block = memory.add(byteCount)
    memory.packed[key] = block
    let (w, packed) = unsafe (floats(key.weights), memory.base(block))
    let flag = isGradient
    let description = ProgramStep(
      name: "reorder", kernel: kernel.rawValue, node: index, shape: graph.shape(of: value),
      byteCount: try description(of: value).byteCount + byteCount, multiplicationCount: 0)
    let step = Step(description: description) { () throws(LoweringError) in
      switch kernel {
      case .winograd: unsafe ck_pack_winograd(shape, flag, w, packed)
      case .fewChannels: unsafe ck_pack_few_channels(shape, w, packed)
      default: unsafe ck_pack_weights(shape, flag, w, 32, packed)
      }
    }
    if isConstant(key.weights) { preparations.append(step) } else { steps.append(step) }
    return unsafe packed
  }

  /// Packs weights that lie `[out][row][column][in]` for a kernel of oneDNN, in half the time of its reorder; false
  /// where the kernel wants them in a layout that our packing does not make.
  mutating func appendPacking(
    _ index: Int, of value: Graph.Value, as wanted: MemoryDescription,
    at packed: UnsafeMutableRawPointer
  ) throws(LoweringError) -> Bool {
    let shape = graph.shape(of: value)
    guard ck_has_bfloat16(), shape.rank == 4, shape[0] % 16 == 0, shape[1] % 16 == 0,
      try description(of: value) == MemoryDescription(shape, dnnl_f32, dnnl_ohwi)
    else { return false }
    let isForward = try wanted == MemoryDescription(shape, dnnl_bf16, dnnl_OIhw8i16o2i)
    let isGradient = try wanted == MemoryDescription(shape, dnnl_bf16, dnnl_IOhw8o16i2o)
    guard isForward || isGradient else { return false }
    var convolution = ck_convolution()
    convolution.out_channels = Int64(shape[0])
    convolution.in_channels = Int64(shape[1])
    convolution.size = Int64(shape[2])
    let (w, flag) = unsafe (floats(value), isGradient)
    let description = ProgramStep(
      name: "reorder", kernel: "packing", node: index, shape: shape,
      byteCount: 6 * shape.elementCount, multiplicationCount: 0)
    steps.append(
      Step(description: description) { () throws(LoweringError) in
        unsafe ck_pack_weights(convolution, flag, w, 16, packed)
      })
    return true
  }
}
