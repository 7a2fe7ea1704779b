import CKernels
import COneDNN
import TensorGraph
import Tensors

// MARK: Convolutions by oneDNN

extension StepBuilder {
  /// One of a primitive's operands: its role, its layout, where it begins.
  typealias Operand = (argument: Int32, layout: MemoryDescription, address: Address)

  /// A convolution or a gradient of one.
  mutating func convolution(_ index: Int) throws(LoweringError) -> [Step] {
    guard let convolution = Convolution(graph, index), let kernel = layouts.kernels[index] else {
      preconditionFailure("%\(index) has no kernel.")
    }
    switch kernel {
    case .handWritten(let kernel): return try handWritten(kernel, index, convolution)
    case .oneDNN(let kernel):
      return switch convolution.result {
      case .y: try forward(kernel, index, convolution)
      case .dx: try inputGradient(kernel, index, convolution)
      case .dw: try weightGradient(kernel, index, convolution)
      case .yWithBias: try inference(kernel, index, convolution)
      }
    }
  }

  private mutating func forward(
    _ kernel: PrimitiveDescription, _ index: Int, _ convolution: Convolution
  ) throws(LoweringError) -> [Step] {
    var steps: [Step] = []
    let x = try operand(convolution.x, kernel.layout(dnnl_query_src_md), index, &steps)
    let w = try operand(convolution.w, kernel.layout(dnnl_query_weights_md), index, &steps)
    let operands: [Operand] = [
      (DNNL_ARG_SRC, kernel.layout(dnnl_query_src_md), x),
      (DNNL_ARG_WEIGHTS, kernel.layout(dnnl_query_weights_md), w),
      (DNNL_ARG_DST, kernel.layout(dnnl_query_dst_md), address(convolution.y)),
    ]
    return steps + [try primitive(kernel, index, operands)]
  }

  private mutating func inputGradient(
    _ kernel: PrimitiveDescription, _ index: Int, _ convolution: Convolution
  ) throws(LoweringError) -> [Step] {
    var steps: [Step] = []
    let dy = try operand(
      convolution.y, kernel.layout(dnnl_query_diff_dst_md), index, &steps)
    let w = try operand(convolution.w, kernel.layout(dnnl_query_weights_md), index, &steps)
    let operands: [Operand] = [
      (DNNL_ARG_DIFF_DST, kernel.layout(dnnl_query_diff_dst_md), dy),
      (DNNL_ARG_WEIGHTS, kernel.layout(dnnl_query_weights_md), w),
      (DNNL_ARG_DIFF_SRC, kernel.layout(dnnl_query_diff_src_md), address(convolution.x)),
    ]
    return steps + [try primitive(kernel, index, operands)]
  }

  private mutating func weightGradient(
    _ kernel: PrimitiveDescription, _ index: Int, _ convolution: Convolution
  ) throws(LoweringError) -> [Step] {
    let stored = try layouts.description(of: convolution.w)
    let written = kernel.layout(dnnl_query_diff_weights_md)
    let result = address(convolution.w)
    let gradient = stored == written ? result : allocate(written.byteCount)
    var steps: [Step] = []
    let dy = try operand(
      convolution.y, kernel.layout(dnnl_query_diff_dst_md), index, &steps)
    let x = try operand(convolution.x, kernel.layout(dnnl_query_src_md), index, &steps)
    let operands: [Operand] = [
      (DNNL_ARG_SRC, kernel.layout(dnnl_query_src_md), x),
      (DNNL_ARG_DIFF_DST, kernel.layout(dnnl_query_diff_dst_md), dy),
      (DNNL_ARG_DIFF_WEIGHTS, written, gradient),
    ]
    steps.append(try primitive(kernel, index, operands))
    if stored != written {
      steps.append(try reorder(index, from: (written, gradient), to: (stored, result)))
    }
    return steps
  }

  /// A convolution with bias. Its kernel adds the residual that is in the result's bytes, so the residual is copied there
  /// unless the memory plan has put the result over it.
  private mutating func inference(
    _ kernel: PrimitiveDescription, _ index: Int, _ convolution: Convolution
  ) throws(LoweringError) -> [Step] {
    let inputs = graph.nodes[index].inputs
    let (y, written) = (address(convolution.y), kernel.layout(dnnl_query_dst_md))
    var steps: [Step] = []
    if inputs.count == 4, address(inputs[3]) != y {
      let residual = try layouts.description(of: inputs[3])
      steps.append(
        try reorder(index, from: (residual, address(inputs[3])), to: (written, y)))
    }
    let x = try operand(convolution.x, kernel.layout(dnnl_query_src_md), index, &steps)
    let w = try operand(convolution.w, kernel.layout(dnnl_query_weights_md), index, &steps)
    let operands: [Operand] = [
      (DNNL_ARG_SRC, kernel.layout(dnnl_query_src_md), x),
      (DNNL_ARG_WEIGHTS, kernel.layout(dnnl_query_weights_md), w),
      (
        DNNL_ARG_BIAS, try layouts.description(of: inputs[2]),
        floats(inputs[2])
      ),
      (DNNL_ARG_DST, written, y),
    ]
    return steps + [try primitive(kernel, index, operands)]
  }

  /// A node's kernel bound to its operands and to the scratchpad that all kernels of convolutions share.
  private func primitive(
    _ kernel: PrimitiveDescription, _ index: Int, _ operands: [Operand]
  ) throws(LoweringError) -> Step {
    let scratchpad: Operand = (
      DNNL_ARG_SCRATCHPAD, kernel.layout(dnnl_query_scratchpad_md), memory.scratchpadAddress
    )
    let description = try stepDescription(index, kernel: kernel.kernelName)
    return step(
      description,
      try Primitive(
        kernel, engine: engine, name: description.name, operands + [scratchpad]))
  }

  // MARK: Copies for oneDNN

  /// Where a kernel finds an operand in the layout that it wants: the value's own bytes, or a copy.
  private mutating func operand(
    _ value: Graph.Value, _ wanted: MemoryDescription, _ index: Int, _ steps: inout [Step]
  ) throws(LoweringError) -> Address {
    let stored = try layouts.description(of: value)
    if stored == wanted { return address(value) }
    let value = aliases.root(value)
    return try copy(
      Copy(value: value, form: .layout(wanted)), byteCount: wanted.byteCount, to: &steps
    ) { (builder, to) throws(LoweringError) in
      if let packing = try builder.packing(index, of: value, as: wanted, at: to) {
        return packing
      }
      return try builder.reorder(
        index, from: (stored, builder.address(value)), to: (wanted, to))
    }
  }

  /// A copy from one layout to another.
  mutating func reorder(
    _ index: Int, from: (MemoryDescription, Address),
    to: (MemoryDescription, Address)
  ) throws(LoweringError) -> Step {
    let kernel = try PrimitiveDescription(from: from.0, to: to.0, engine: engine)
    let scratchpad = allocate(kernel.scratchByteCount)
    let operands: [Operand] = [
      (DNNL_ARG_FROM, from.0, from.1), (DNNL_ARG_TO, to.0, to.1),
      (DNNL_ARG_SCRATCHPAD, kernel.layout(dnnl_query_scratchpad_md), scratchpad),
    ]
    let description = ProgramStep(
      name: "reorder", kernel: kernel.kernelName, node: index, shape: graph.nodes[index].shapes[0],
      byteCount: from.0.byteCount + to.0.byteCount, multiplicationCount: 0)
    return step(
      description, try Primitive(kernel, engine: engine, name: description.name, operands))
  }

  /// Packs weights in the order `[out][row][column][in]` for a kernel of oneDNN, in half the time of its reorder. nil if
  /// the kernel wants a layout that our packing does not write.
  private func packing(
    _ index: Int, of value: Graph.Value, as wanted: MemoryDescription,
    at packed: Address
  ) throws(LoweringError) -> Step? {
    let shape = graph.shape(of: value)
    guard ck_has_bfloat16(), shape.rank == 4, shape[0] % 16 == 0, shape[1] % 16 == 0,
      try layouts.description(of: value) == MemoryDescription(shape, dnnl_f32, dnnl_ohwi)
    else { return nil }
    let isForward = try wanted == MemoryDescription(shape, dnnl_bf16, dnnl_OIhw8i16o2i)
    let isGradient = try wanted == MemoryDescription(shape, dnnl_bf16, dnnl_IOhw8o16i2o)
    guard isForward || isGradient else { return nil }
    var geometry = ck_convolution()
    geometry.out_channels = Int64(shape[0])
    geometry.in_channels = Int64(shape[1])
    geometry.size = Int64(shape[2])
    let (w, weights) = (floats(value), geometry)
    let description = ProgramStep(
      name: "reorder", kernel: "packing", node: index, shape: shape,
      byteCount: 6 * shape.elementCount, multiplicationCount: 0)
    return Step(description: description) { () throws(LoweringError) in
      unsafe ck_pack_weights(weights, isGradient, w.floats, ck_order_of_onednn, packed.base)
    }
  }
}
