import CKernels
import COneDNN
import TensorGraph
import Tensors

// MARK: Our own kernels

extension Compilation {
  private func rows(_ value: Graph.Value) -> ck_layout {
    storage(of: value).rows(of: graph.shape(of: value))
  }

  mutating func appendNormalization(_ index: Int) throws(LoweringError) {
    let inputs = graph.nodes[index].inputs
    switch graph.nodes[index].operation {
    case .batchNormalization(let epsilon, let relu):
      try appendBatchNormalization(index, inputs, epsilon, relu)
    case .batchNormalizationGradient(let epsilon, let relu):
      try appendBatchNormalizationGradient(index, inputs, epsilon, relu)
    case .batchNormalizationInference(let epsilon, let relu):
      let layout = rows(inputs[0])
      let (x, y) = unsafe (address(inputs[0]), address(.init(node: index)))
      let (scale, offset) = unsafe (floats(inputs[1]), floats(inputs[2]))
      let (mean, variance) = unsafe (floats(inputs[3]), floats(inputs[4]))
      let residual = unsafe inputs.count == 6 ? address(inputs[5]) : nil
      try append(index) {
        unsafe ck_normalize(
          layout, x, scale, offset, mean, variance, epsilon, residual, relu, y)
      }
    default: preconditionFailure("Not a normalisation.")
    }
  }

  private mutating func appendBatchNormalization(
    _ index: Int, _ inputs: [Graph.Value], _ epsilon: Float, _ relu: Bool
  ) throws(LoweringError) {
    let layout = rows(inputs[0])
    let (x, y) = unsafe (address(inputs[0]), address(.init(node: index)))
    let (scale, offset) = unsafe (floats(inputs[1]), floats(inputs[2]))
    let mean = unsafe floats(.init(node: index, result: 1))
    let variance = unsafe floats(.init(node: index, result: 2))
    let residual = unsafe inputs.count == 4 ? address(inputs[3]) : nil
    let workspace = unsafe memory.base(memory.workspace)
    try append(index) {
      unsafe ck_batch_normalize(
        layout, x, scale, offset, epsilon, residual, relu, mean, variance, y, workspace)
    }
  }

  private mutating func appendBatchNormalizationGradient(
    _ index: Int, _ inputs: [Graph.Value], _ epsilon: Float, _ relu: Bool
  ) throws(LoweringError) {
    let layout = rows(inputs[0])
    let (dy, x, y) = unsafe (address(inputs[0]), address(inputs[1]), address(inputs[2]))
    let (scale, mean, variance) = unsafe (floats(inputs[3]), floats(inputs[4]), floats(inputs[5]))
    let other = unsafe inputs.count == 7 ? address(inputs[6]) : nil
    let dx = unsafe address(.init(node: index))
    let dscale = unsafe floats(.init(node: index, result: 1))
    let doffset = unsafe floats(.init(node: index, result: 2))
    let residual = Graph.Value(node: index, result: 3)
    let dresidual = unsafe isRead(residual) ? address(residual) : nil
    let workspace = unsafe memory.base(memory.workspace)
    try append(index) {
      unsafe ck_normalize_gradient(
        layout, dy, other, x, y, scale, mean, variance, epsilon, relu, dx, dscale, doffset,
        dresidual, workspace)
    }
  }

  mutating func appendPooling(_ index: Int) throws(LoweringError) {
    let node = graph.nodes[index]
    let result = Graph.Value(node: index)
    let first = unsafe address(node.inputs[0])
    let to = unsafe address(result)
    switch node.operation {
    case .maxPool(let size, let stride, let padding):
      let layout = rows(node.inputs[0])
      let pooling = pooling(graph.shape(of: node.inputs[0]), node.shapes[0], size, stride, padding)
      try append(index) { unsafe ck_max_pool(layout, pooling, first, to) }
    case .maxPoolGradient(let size, let stride, let padding):
      let layout = rows(result)
      let pooling = pooling(node.shapes[0], graph.shape(of: node.inputs[0]), size, stride, padding)
      let x = unsafe address(node.inputs[1])
      try append(index) { unsafe ck_max_pool_gradient(layout, pooling, first, x, to) }
    case .globalAveragePool:
      let layout = rows(node.inputs[0])
      let means = unsafe floats(result)
      try append(index) { unsafe ck_average_pool(layout, first, means) }
    case .globalAveragePoolGradient:
      let layout = rows(result)
      let means = unsafe floats(node.inputs[0])
      try append(index) { unsafe ck_average_pool_gradient(layout, means, to) }
    default: preconditionFailure("Not a pooling.")
    }
  }

  private func pooling(_ input: Shape, _ output: Shape, _ size: Int, _ stride: Int, _ padding: Int)
    -> ck_pooling
  {
    ck_pooling(
      images: Int64(input[0]), height: Int64(input[2]), width: Int64(input[3]),
      out_height: Int64(output[2]), out_width: Int64(output[3]), size: Int64(size),
      stride: Int64(stride), padding: Int64(padding))
  }

  mutating func appendRows(_ index: Int) throws(LoweringError) {
    let node = graph.nodes[index]
    let shape = graph.shape(of: node.inputs[0])
    let rows = Int64(shape.rank > 0 ? shape[0] : 1)
    let columns = Int64(shape.rank > 1 ? shape[1] : 1)
    let (a, y) = unsafe (floats(node.inputs[0]), floats(.init(node: index)))
    switch node.operation {
    case .addBias:
      let bias = unsafe floats(node.inputs[1])
      try append(index) { unsafe ck_add_bias(rows, columns, a, bias, y) }
    case .sumRows:
      try append(index) { unsafe ck_sum_rows(rows, columns, a, y) }
    case .sumColumns: try append(index) { unsafe ck_sum_columns(rows, columns, a, y) }
    case .repeatColumns(let count):
      try append(index) { unsafe ck_repeat_columns(rows, Int64(count), a, y) }
    case .mean:
      let count = Int64(shape.elementCount)
      let type = storage(of: node.inputs[0]).type
      try append(index) { unsafe y.pointee = ck_mean(count, type, a) }
    case .l2Normalize(let epsilon):
      try append(index) { unsafe ck_l2_normalize(rows, columns, epsilon, a, y) }
    case .l2NormalizeGradient(let epsilon):
      let x = unsafe floats(node.inputs[1])
      try append(index) { unsafe ck_l2_normalize_gradient(rows, columns, epsilon, a, x, y) }
    default: preconditionFailure("Not an operation on rows.")
    }
  }

  /// Elements of a value, padding included: what flat kernels walk.
  func count(_ value: Graph.Value) throws(LoweringError) -> Int64 {
    let size = storage(of: value).type == ck_float32 ? 4 : 2
    return Int64(try description(of: value).byteCount / size)
  }

  mutating func appendFlat(_ index: Int) throws(LoweringError) {
    let node = graph.nodes[index]
    let result = Graph.Value(node: index)
    let count = try count(result)
    let type = storage(of: result).type
    let y = unsafe address(result)
    let a = unsafe address(node.inputs[0])
    switch node.operation {
    case .scale(let factor): try append(index) { unsafe ck_scale(type, count, a, factor, y) }
    case .addScalar(let term):
      try append(index) { unsafe ck_add_scalar(type, count, a, term, y) }
    case .broadcast:
      let scalar = unsafe a.assumingMemoryBound(to: Float.self)
      try append(index) { unsafe ck_fill(type, count, scalar.pointee, y) }
    default:
      let kind = flatKind(node.operation)
      let b = unsafe address(node.inputs.count > 1 ? node.inputs[1] : node.inputs[0])
      try append(index) { unsafe ck_elementwise(kind, type, count, a, b, y) }
    }
  }

  private func flatKind(_ operation: Operation) -> ck_elementwise_kind {
    switch operation {
    case .add: ck_add
    case .subtract: ck_subtract
    case .multiply: ck_multiply
    case .divide: ck_divide
    case .squareRoot: ck_square_root
    case .exponential: ck_exponential
    case .logarithm: ck_logarithm
    case .relu: ck_relu
    case .reluGradient: ck_relu_gradient
    default: preconditionFailure("\(operation) is not flat.")
    }
  }

  mutating func appendUpdate(_ index: Int) throws(LoweringError) {
    let node = graph.nodes[index]
    let count = try count(.init(node: index))
    let (a, b) = unsafe (floats(node.inputs[0]), floats(node.inputs[1]))
    let y = unsafe floats(.init(node: index))
    switch node.operation {
    case .interpolate:
      let tau = unsafe floats(node.inputs[2])
      try append(index) { unsafe ck_interpolate(count, a, b, tau.pointee, y) }
    case .runningAverage(let rate, let correction):
      try append(index) { unsafe ck_running_average(count, a, b, rate, correction, y) }
    default: preconditionFailure("Not an update.")
    }
  }
}
