import CKernels
import COneDNN
import TensorGraph
import Tensors

// MARK: Convolutions with what follows them

/// What a kernel does to each result before it is written.
enum Epilogue {
  /// Adds what lies in the result's place.
  case addResidual
  /// Writes 0 for what is negative.
  case rectify

  /// Makes the steps part of a kernel's attributes.
  static func set(_ steps: [Epilogue], on attributes: dnnl_primitive_attr_t?) throws(LoweringError)
  {
    guard !steps.isEmpty else { return }
    var list: dnnl_post_ops_t?
    try unsafe check(dnnl_post_ops_create(&list), "post operations")
    defer { unsafe dnnl_post_ops_destroy(list) }
    for step in steps {
      switch step {
      case .addResidual: try unsafe check(dnnl_post_ops_append_sum(list, 1), "residual")
      case .rectify:
        try unsafe check(
          dnnl_post_ops_append_eltwise(list, 1, dnnl_eltwise_relu, 0, 0), "rectifier")
      }
    }
    try unsafe check(dnnl_primitive_attr_set_post_ops(attributes, list), "post operations")
  }
}

extension Engine {
  /// The kernel of `y = x ∗ w + bias` and its epilogue, where `bias` is float32, one a channel of y.
  func convolutionWithBias(
    _ layouts: Convolution.Layouts, stride: Int, padding: Int, channels: Int,
    _ epilogue: [Epilogue],
    avoiding avoided: String?
  ) throws(LoweringError) -> PrimitiveDescription {
    var (x, w, y) = (layouts.x.raw, layouts.w.raw, layouts.y.raw)
    var bias = try MemoryDescription([channels], dnnl_f32, dnnl_a).raw
    var descriptor = dnnl_convolution_desc_t()
    let (strides, paddings) = (dimensions([stride, stride]), dimensions([padding, padding]))
    try unsafe check(
      dnnl_convolution_forward_desc_init(
        &descriptor, dnnl_forward_inference, dnnl_convolution_direct, &x, &w, &bias, &y, strides,
        paddings, paddings), "convolution")
    return try unsafe PrimitiveDescription(
      &descriptor, engine: self, epilogue: epilogue, avoiding: avoided, "convolution")
  }
}

extension Compilation {
  /// Chooses the kernel of a `convolutionWithBias`. The weights lie as the kernel reads them, in its precision,
  /// where nothing else wants them otherwise: writing them is then their only copy.
  mutating func chooseInferenceKernel(of index: Int) throws(LoweringError) {
    let node = graph.nodes[index]
    guard case .convolutionWithBias(let stride, let padding, let relu) = node.operation else {
      preconditionFailure("%\(index) is no convolution with bias.")
    }
    let (x, w, y) = (node.inputs[0], node.inputs[1], Graph.Value(node: index))
    if isConstant(w) {
      own[index] = try ownConvolution(
        .y, x: x, w: w, y: y, stride: stride, padding: padding,
        activations: .channelsLast(ck_bfloat16))
      if own[index] != nil { return }
    }
    let epilogue: [Epilogue] =
      (node.inputs.count == 4 ? [.addResidual] : []) + (relu ? [.rectify] : [])
    let kernel = try engine.convolutionWithBias(
      layouts(x: x, w: w, y: y), stride: stride, padding: padding, channels: node.shapes[0][1],
      epilogue, avoiding: slowKernel(of: node))
    settle(x, kernel.layout(dnnl_query_src_md))
    let weights = kernel.layout(dnnl_query_weights_md)
    if isConstant(w) { settle(w, weights) } else { settleWeights(w, weights) }
    kernels[index] = kernel
  }

  /// Whether the graph is an encoder's whose convolutions hold their normalisations.
  static func isFolded(_ graph: Graph) -> Bool {
    graph.nodes.contains { node in
      if case .convolutionWithBias = node.operation { true } else { false }
    }
  }

  /// oneDNN prefers its products of small matrices (`brgconv`) in channels last. In bfloat16 without a matrix unit,
  /// these are the faster ones, as measured, for 1×1 convolutions without residual and for planes that neither fill
  /// the caches nor are smaller than a kernel's row of pixels; elsewhere its direct kernels are.
  private func slowKernel(of node: Graph.Node) -> String? {
    guard activationType == ck_bfloat16 else { return nil }
    let pixels = node.shapes[0][2] * node.shapes[0][3]
    let size = graph.shape(of: node.inputs[1])[2]
    let products = size == 1 ? node.inputs.count == 3 : (50...196).contains(pixels)
    return products ? nil : "brgconv"
  }

  /// Whether a value is a variable that only the host changes and only convolutions with bias read.
  func isConstant(_ value: Graph.Value) -> Bool {
    guard case .variable = graph.nodes[value.node].operation else { return false }
    let readers = readers.nodes(of: value).map { graph.nodes[$0] }
    return !graph.assignments.contains { $0.variable == value.node || $0.value == value }
      && readers.allSatisfy { reader in
        guard case .convolutionWithBias = reader.operation else { return false }
        return reader.inputs[1] == value && reader.inputs.count { $0 == value } == 1
      }
  }

  /// Binds a convolution with bias. A residual is added in the result's place, so it is copied there where the
  /// memory plan could not put the result over it.
  mutating func appendConvolutionWithBias(_ index: Int, relu: Bool) throws(LoweringError) {
    if let own = own[index] { return try appendOwnInference(index, own, relu: relu) }
    guard let kernel = kernels[index] else { preconditionFailure("%\(index) has no kernel.") }
    let inputs = graph.nodes[index].inputs
    let y = Graph.Value(node: index)
    let made = kernel.layout(dnnl_query_dst_md)
    if inputs.count == 4, unsafe address(inputs[3]) != address(y) {
      try unsafe appendReorder(
        index, from: (description(of: inputs[3]), address(inputs[3])), to: (made, address(y)))
    }
    let x = try unsafe operand(inputs[0], kernel.layout(dnnl_query_src_md), index)
    let w = try unsafe operand(inputs[1], kernel.layout(dnnl_query_weights_md), index)
    let operands = unsafe [
      (Int32(DNNL_ARG_SRC), kernel.layout(dnnl_query_src_md), x),
      (Int32(DNNL_ARG_WEIGHTS), kernel.layout(dnnl_query_weights_md), w),
      (
        Int32(DNNL_ARG_BIAS), try description(of: inputs[2]),
        UnsafeMutableRawPointer(floats(inputs[2]))
      ),
      (Int32(DNNL_ARG_DST), made, address(y)),
      (
        Int32(DNNL_ARG_SCRATCHPAD), kernel.layout(dnnl_query_scratchpad_md),
        memory.base(memory.scratch)
      ),
    ]
    let step = try step(index, kernel: kernel.kernelName)
    try append(step, unsafe Primitive(kernel, engine: engine, name: step.name, operands))
  }
}
