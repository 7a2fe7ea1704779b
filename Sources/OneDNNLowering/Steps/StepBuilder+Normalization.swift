import CKernels
import TensorGraph
import Tensors

// MARK: Batch normalisation and pooling

extension StepBuilder {
  private func rows(_ value: Graph.Value) -> ck_layout {
    layouts.storage(of: value).rows(of: graph.shape(of: value))
  }

  func batchNormalization(_ index: Int, _ epsilon: Float, _ relu: Bool) throws(LoweringError)
    -> [Step]
  {
    let inputs = graph.nodes[index].inputs
    let layout = rows(inputs[0])
    let (x, y) = (address(inputs[0]), address(.init(node: index)))
    let (scale, offset) = (floats(inputs[1]), floats(inputs[2]))
    let mean = floats(.init(node: index, result: 1))
    let variance = floats(.init(node: index, result: 2))
    let residual = inputs.count == 4 ? address(inputs[3]) : nil
    let workspace = memory.workspaceAddress
    return try step(index) {
      unsafe ck_batch_normalize(
        layout, x.base, scale.floats, offset.floats, epsilon, residual?.base, relu, mean.floats,
        variance.floats, y.base, workspace.base)
    }
  }

  func batchNormalizationInference(_ index: Int, _ epsilon: Float, _ relu: Bool)
    throws(LoweringError) -> [Step]
  {
    let inputs = graph.nodes[index].inputs
    let layout = rows(inputs[0])
    let (x, y) = (address(inputs[0]), address(.init(node: index)))
    let (scale, offset) = (floats(inputs[1]), floats(inputs[2]))
    let (mean, variance) = (floats(inputs[3]), floats(inputs[4]))
    let residual = inputs.count == 6 ? address(inputs[5]) : nil
    return try step(index) {
      unsafe ck_normalize(
        layout, x.base, scale.floats, offset.floats, mean.floats, variance.floats, epsilon,
        residual?.base, relu, y.base)
    }
  }

  func batchNormalizationGradient(_ index: Int, _ epsilon: Float, _ relu: Bool)
    throws(LoweringError) -> [Step]
  {
    let inputs = graph.nodes[index].inputs
    let layout = rows(inputs[0])
    let (dy, x, y) = (address(inputs[0]), address(inputs[1]), address(inputs[2]))
    let (scale, mean, variance) = (floats(inputs[3]), floats(inputs[4]), floats(inputs[5]))
    let other = inputs.count == 7 ? address(inputs[6]) : nil
    let dx = address(.init(node: index))
    let dscale = floats(.init(node: index, result: 1))
    let doffset = floats(.init(node: index, result: 2))
    let residual = Graph.Value(node: index, result: 3)
    let dresidual = aliases.isRead(residual) ? address(residual) : nil
    let workspace = memory.workspaceAddress
    return try step(index) {
      unsafe ck_normalize_gradient(
        layout, dy.base, other?.base, x.base, y.base, scale.floats, mean.floats, variance.floats,
        epsilon, relu, dx.base, dscale.floats, doffset.floats,
        dresidual?.base, workspace.base)
    }
  }

  func maxPool(_ index: Int, _ size: Int, _ stride: Int, _ padding: Int) throws(LoweringError)
    -> [Step]
  {
    let (x, y) = (graph.nodes[index].inputs[0], Graph.Value(node: index))
    let layout = rows(x)
    let pooling = pooling(graph.shape(of: x), graph.shape(of: y), size, stride, padding)
    let (from, to) = (address(x), address(y))
    return try step(index) { unsafe ck_max_pool(layout, pooling, from.base, to.base) }
  }

  func maxPoolGradient(_ index: Int, _ size: Int, _ stride: Int, _ padding: Int)
    throws(LoweringError) -> [Step]
  {
    let (inputs, dx) = (graph.nodes[index].inputs, Graph.Value(node: index))
    let layout = rows(dx)
    let pooling = pooling(graph.shape(of: dx), graph.shape(of: inputs[0]), size, stride, padding)
    let (dy, x, to) = (address(inputs[0]), address(inputs[1]), address(dx))
    return try step(index) {
      unsafe ck_max_pool_gradient(layout, pooling, dy.base, x.base, to.base)
    }
  }

  func averagePool(_ index: Int) throws(LoweringError) -> [Step] {
    let operand = graph.nodes[index].inputs[0]
    let layout = rows(operand)
    let (x, means) = (address(operand), result(index))
    return try step(index) { unsafe ck_average_pool(layout, x.base, means.floats) }
  }

  func averagePoolGradient(_ index: Int) throws(LoweringError) -> [Step] {
    let layout = rows(.init(node: index))
    let (dy, dx) = (floats(graph.nodes[index].inputs[0]), address(.init(node: index)))
    return try step(index) { unsafe ck_average_pool_gradient(layout, dy.floats, dx.base) }
  }

  private func pooling(_ input: Shape, _ output: Shape, _ size: Int, _ stride: Int, _ padding: Int)
    -> ck_pooling
  {
    ck_pooling(
      images: Int64(input[0]), height: Int64(input[2]), width: Int64(input[3]),
      out_height: Int64(output[2]), out_width: Int64(output[3]), size: Int64(size),
      stride: Int64(stride), padding: Int64(padding))
  }
}
