import CKernels
import COneDNN
import TensorGraph
import Tensors

// MARK: Steps

extension Compilation {
  /// Binds the kernels of one node to memory.
  mutating func appendSteps(for index: Int) throws(LoweringError) {
    let node = graph.nodes[index]
    switch node.operation {
    case .input, .variable, .stopGradient: break
    case .constant(let value): try appendConstant(value, index)
    case .convolution, .convolutionInputGradient, .convolutionWeightGradient:
      try appendConvolution(index)
    case .convolutionWithBias(_, _, let relu):
      try appendConvolutionWithBias(index, relu: relu)
    case .batchNormalization, .batchNormalizationGradient, .batchNormalizationInference:
      try appendNormalization(index)
    case .maxPool, .maxPoolGradient, .globalAveragePool, .globalAveragePoolGradient:
      try appendPooling(index)
    case .matrixProduct(let transposeFirst, let transposeSecond):
      try appendMatrixProduct(index, transposeFirst, transposeSecond)
    case .addBias, .sumRows, .sumColumns, .repeatColumns, .mean, .l2Normalize,
      .l2NormalizeGradient:
      try appendRows(index)
    case .repeatRows, .zeroDiagonal, .logSumExpOfRows, .logSumExpOfRowsGradient:
      try appendMatrix(index)
    case .concatenateRows, .sliceRows, .placeRows: try appendRowCopies(index)
    case .relu, .reluGradient, .add, .subtract, .multiply, .divide, .scale, .addScalar, .squareRoot,
      .exponential, .logarithm, .broadcast:
      try appendFlat(index)
    case .interpolate, .runningAverage: try appendUpdate(index)
    case .optimizerUpdate(let rule): try appendOptimizerUpdate(index, rule)
    }
  }

  /// Adds a step that cannot fail.
  mutating func append(_ index: Int, kernel: String = "", _ body: @escaping () -> Void)
    throws(LoweringError)
  {
    steps.append(Step(description: try step(index, kernel: kernel), run: body))
  }

  mutating func append(_ description: ProgramStep, _ primitive: Primitive) {
    steps.append(
      Step(description: description) { () throws(LoweringError) in try primitive.run() })
  }

  /// What a node's kernel does: each of its operands and results is read or written once at least.
  func step(_ index: Int, kernel: String = "") throws(LoweringError) -> ProgramStep {
    let node = graph.nodes[index]
    let results = node.shapes.indices.map { Graph.Value(node: index, result: $0) }.filter(isRead)
    var byteCount = 0
    for value in node.inputs + results { byteCount += try description(of: value).byteCount }
    return ProgramStep(
      name: node.operation.name, kernel: kernel, node: index, shape: node.shapes[0],
      byteCount: byteCount,
      multiplicationCount: graph.multiplicationCount(of: index))
  }

  /// A constant is written once, at compilation.
  private mutating func appendConstant(_ value: Float, _ index: Int) throws(LoweringError) {
    let at = unsafe address(.init(node: index)).assumingMemoryBound(to: Float.self)
    try append(index) { unsafe at.pointee = value }
  }

  // MARK: Convolutions

  private mutating func appendConvolution(_ index: Int) throws(LoweringError) {
    if let convolution = own[index] { return try appendOwnConvolution(index, convolution) }
    guard let kernel = kernels[index] else { preconditionFailure("%\(index) has no kernel.") }
    let inputs = graph.nodes[index].inputs
    let result = Graph.Value(node: index)
    let step = try step(index, kernel: kernel.kernelName)
    let scratch = unsafe (
      Int32(DNNL_ARG_SCRATCHPAD), kernel.layout(dnnl_query_scratchpad_md),
      memory.base(memory.scratch)
    )
    switch graph.nodes[index].operation {
    case .convolution:
      let x = try unsafe operand(inputs[0], kernel.layout(dnnl_query_src_md), index)
      let w = try unsafe operand(inputs[1], kernel.layout(dnnl_query_weights_md), index)
      let operands = unsafe [
        (Int32(DNNL_ARG_SRC), kernel.layout(dnnl_query_src_md), x),
        (Int32(DNNL_ARG_WEIGHTS), kernel.layout(dnnl_query_weights_md), w),
        (Int32(DNNL_ARG_DST), kernel.layout(dnnl_query_dst_md), address(result)), scratch,
      ]
      try append(step, unsafe Primitive(kernel, engine: engine, name: step.name, operands))
    case .convolutionInputGradient:
      let dy = try unsafe operand(inputs[0], kernel.layout(dnnl_query_diff_dst_md), index)
      let w = try unsafe operand(inputs[1], kernel.layout(dnnl_query_weights_md), index)
      let operands = unsafe [
        (Int32(DNNL_ARG_DIFF_DST), kernel.layout(dnnl_query_diff_dst_md), dy),
        (Int32(DNNL_ARG_WEIGHTS), kernel.layout(dnnl_query_weights_md), w),
        (Int32(DNNL_ARG_DIFF_SRC), kernel.layout(dnnl_query_diff_src_md), address(result)), scratch,
      ]
      try append(step, unsafe Primitive(kernel, engine: engine, name: step.name, operands))
    default:
      try unsafe appendWeightGradient(index, kernel, step, scratch)
    }
  }

  private mutating func appendWeightGradient(
    _ index: Int, _ kernel: PrimitiveDescription, _ step: ProgramStep,
    _ scratch: (argument: Int32, layout: MemoryDescription, base: UnsafeMutableRawPointer)
  ) throws(LoweringError) {
    let inputs = graph.nodes[index].inputs
    let result = Graph.Value(node: index)
    let wanted = try description(of: result)
    let made = kernel.layout(dnnl_query_diff_weights_md)
    let direct = wanted == made
    let block = direct ? nil : memory.add(made.byteCount)
    let gradient = unsafe block.map { unsafe memory.base($0) } ?? address(result)
    let dy = try unsafe operand(inputs[0], kernel.layout(dnnl_query_diff_dst_md), index)
    let x = try unsafe operand(inputs[1], kernel.layout(dnnl_query_src_md), index)
    let operands = unsafe [
      (Int32(DNNL_ARG_SRC), kernel.layout(dnnl_query_src_md), x),
      (Int32(DNNL_ARG_DIFF_DST), kernel.layout(dnnl_query_diff_dst_md), dy),
      (Int32(DNNL_ARG_DIFF_WEIGHTS), made, gradient), scratch,
    ]
    try append(step, unsafe Primitive(kernel, engine: engine, name: step.name, operands))
    if !direct {
      try unsafe appendReorder(index, from: (made, gradient), to: (wanted, address(result)))
    }
  }

  /// Where a kernel finds an operand in the layout it wants: the value's own bytes, or a copy made at its
  /// first use in a run. Weights change only at the end of a run, so their copies serve all kernels.
  mutating func operand(_ value: Graph.Value, _ wanted: MemoryDescription, _ index: Int)
    throws(LoweringError) -> UnsafeMutableRawPointer
  {
    let stored = try description(of: value)
    if stored == wanted { return unsafe address(value) }
    let value = root(value)
    if let copy = memory.copies.first(where: { $0.value == value && $0.layout == wanted }) {
      return unsafe memory.base(copy.block)
    }
    let block = memory.add(wanted.byteCount)
    memory.copies.append(.init(value: value, layout: wanted, block: block))
    let copy = unsafe memory.base(block)
    if try unsafe !appendPacking(index, of: value, as: wanted, at: copy) {
      try unsafe appendReorder(index, from: (stored, address(value)), to: (wanted, copy))
    }
    return unsafe copy
  }

  mutating func appendReorder(
    _ index: Int, from: (MemoryDescription, UnsafeMutableRawPointer),
    to: (MemoryDescription, UnsafeMutableRawPointer)
  ) throws(LoweringError) {
    let kernel = try unsafe PrimitiveDescription(from: from.0, to: to.0, engine: engine)
    let scratch = memory.add(kernel.scratchByteCount)
    let operands = unsafe [
      (Int32(DNNL_ARG_FROM), from.0, from.1), (Int32(DNNL_ARG_TO), to.0, to.1),
      (
        Int32(DNNL_ARG_SCRATCHPAD), kernel.layout(dnnl_query_scratchpad_md),
        memory.base(scratch)
      ),
    ]
    let step = unsafe ProgramStep(
      name: "reorder", kernel: kernel.kernelName, node: index, shape: graph.nodes[index].shapes[0],
      byteCount: from.0.byteCount + to.0.byteCount, multiplicationCount: 0)
    try append(step, unsafe Primitive(kernel, engine: engine, name: step.name, operands))
  }

  // MARK: Matrices

  /// Row-major `C = op(A)·op(B)`. oneDNN's matrix primitive reads a transposed second operand as it lies;
  /// its plain sgemm is faster in the other cases and several times slower in this one.
  private mutating func appendMatrixProduct(
    _ index: Int, _ transposeFirst: Bool, _ transposeSecond: Bool
  ) throws(LoweringError) {
    let node = graph.nodes[index]
    let (a, b) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.inputs[1]))
    let (left, right) = unsafe (floats(node.inputs[0]), floats(node.inputs[1]))
    let product = unsafe floats(.init(node: index))
    if transposeSecond, !transposeFirst {
      let layouts = try (
        a: Storage.plain.description(of: a),
        b: MemoryDescription([b[1], b[0]], dnnl_f32, dnnl_ba),
        c: Storage.plain.description(of: node.shapes[0])
      )
      let kernel = try engine.matrixProduct(layouts.a, layouts.b, layouts.c)
      let scratch = memory.add(kernel.scratchByteCount)
      let operands = unsafe [
        (Int32(DNNL_ARG_SRC), layouts.a, UnsafeMutableRawPointer(left)),
        (Int32(DNNL_ARG_WEIGHTS), layouts.b, UnsafeMutableRawPointer(right)),
        (Int32(DNNL_ARG_DST), layouts.c, UnsafeMutableRawPointer(product)),
        (
          Int32(DNNL_ARG_SCRATCHPAD), kernel.layout(dnnl_query_scratchpad_md), memory.base(scratch)
        ),
      ]
      let step = try step(index, kernel: kernel.kernelName)
      try append(step, unsafe Primitive(kernel, engine: engine, name: step.name, operands))
      return
    }
    let (rows, columns) = (Int64(node.shapes[0][0]), Int64(node.shapes[0][1]))
    let inner = Int64(transposeFirst ? a[0] : a[1])
    let (first, second) = (CChar(transposeFirst ? 84 : 78), CChar(transposeSecond ? 84 : 78))
    let (strideA, strideB) = (Int64(a[1]), Int64(b[1]))
    steps.append(
      Step(description: try step(index, kernel: "sgemm")) { () throws(LoweringError) in
        try unsafe check(
          dnnl_sgemm(
            first, second, rows, columns, inner, 1, left, strideA, right, strideB, 0, product,
            columns), "matrix product")
      })
  }

  /// The first element of a float32 value.
  func floats(_ value: Graph.Value) -> UnsafeMutablePointer<Float> {
    unsafe address(value).assumingMemoryBound(to: Float.self)
  }

  // MARK: Assignments

  /// Copies the assigned values that could not be computed in their variable's own bytes.
  mutating func appendAssignments() throws(LoweringError) {
    for assignment in graph.assignments where heirs[root(assignment.value)] != assignment.variable {
      let byteCount = try description(of: assignment.value).byteCount
      let from = unsafe address(assignment.value)
      let to = unsafe memory.leafAddress(assignment.variable)
      steps.append(
        Step(
          description: ProgramStep(
            name: "assign", node: assignment.variable, shape: graph.shape(of: assignment.value),
            byteCount: 2 * byteCount, multiplicationCount: 0)
        ) { () throws(LoweringError) in
          unsafe to.copyMemory(from: from, byteCount: byteCount)
        })
    }
  }
}
