import CKernels
import COneDNN
import TensorGraph
import Tensors

/// Chooses oneDNN's kernels of convolutions, given the layouts that are fixed so far. Layouts that are not fixed are left to
/// oneDNN.
struct KernelChoice {
  let layouts: Layouts
  let graph: Graph
  let engine: Engine
  let processor: Layouts.Processor

  /// The kernel of `y = x ∗ w`. Where oneDNN, free to choose the pictures' layout, has plain loops alone (as with AVX2), it
  /// may still have a kernel for NHWC.
  func forward(_ c: Convolution) throws(LoweringError) -> PrimitiveDescription {
    let training = !graph.assignments.isEmpty
    var tensors = try tensors(c)
    let free = try engine.forward(tensors, c, training: training)
    guard free.isPlainLoops, try layouts.fixedDescription(of: c.x) == nil else { return free }
    tensors.x = try Storage.channelsLast(layouts.activationType).description(
      of: graph.shape(of: c.x))
    let channelsLast = try engine.forward(tensors, c, training: training)
    return channelsLast.isPlainLoops ? free : channelsLast
  }

  /// The kernel of the gradient of the input.
  func inputGradient(_ c: Convolution) throws(LoweringError) -> PrimitiveDescription {
    let hint = try forward(c)
    return try engine.inputGradient(try tensors(c), c, forward: hint)
  }

  /// The kernel of the gradient of the weights, and the layout in which it reads pictures. It writes the gradient in the
  /// layout of the weights if that costs it nothing.
  func weightGradient(_ c: Convolution) throws(LoweringError) -> (
    kernel: PrimitiveDescription, pictures: MemoryDescription
  ) {
    let hint = try forward(c)
    let pictures = hint.layout(dnnl_query_src_md)
    var tensors = try tensors(c)
    if try layouts.fixedDescription(of: c.x) == nil { tensors.x = pictures }
    tensors.w = try MemoryDescription(graph.shape(of: c.w), dnnl_f32, dnnl_format_tag_any)
    let free = try engine.weightGradient(tensors, c, forward: hint)
    guard let weights = try layouts.fixedDescription(of: c.w) else { return (free, pictures) }
    tensors.w = weights
    let bound = try? engine.weightGradient(tensors, c, forward: hint)
    guard let bound, bound.kernelName == free.kernelName else { return (free, pictures) }
    return (bound, pictures)
  }

  /// The kernel of a convolution with bias, and with what follows it.
  func inference(_ index: Int, _ c: Convolution) throws(LoweringError) -> PrimitiveDescription {
    let node = graph.nodes[index]
    guard case .convolutionWithBias(_, _, let relu) = node.operation else {
      preconditionFailure("%\(index) is no convolution with bias.")
    }
    let hasResidual = node.inputs.count == 4
    let following: [PostOperation] =
      (hasResidual ? [.addResidual] : []) + (relu ? [.relu] : [])
    return try engine.convolutionWithBias(
      try tensors(c), c, following, avoiding: slowKernel(c, hasResidual: hasResidual))
  }

  /// oneDNN prefers its products of small matrices (`brgconv`) in NHWC. In bfloat16 without a matrix unit they are faster,
  /// as measured, in two cases: for 1×1 kernels without residual, and for feature maps that are larger than a kernel's row
  /// of pixels and yet fit the caches. Elsewhere its direct kernels are faster.
  private func slowKernel(_ c: Convolution, hasResidual: Bool) -> String? {
    guard layouts.activationType == ck_bfloat16, !processor.hasAMX else { return nil }
    let productsAreFaster =
      c.geometry.size == 1 ? !hasResidual : (50...196).contains(c.geometry.outputPixels)
    return productsAreFaster ? nil : "brgconv"
  }

  /// The layouts of a convolution's three tensors. Those of the weights are always left to oneDNN: where they differ from
  /// the stored ones, they are copied once per run.
  private func tensors(_ c: Convolution) throws(LoweringError) -> ConvolutionTensors {
    let weights = try MemoryDescription(
      graph.shape(of: c.w), layouts.activationType.oneDNN, dnnl_format_tag_any)
    return ConvolutionTensors(x: try activation(c.x), w: weights, y: try activation(c.y))
  }

  private func activation(_ value: Graph.Value) throws(LoweringError) -> MemoryDescription {
    if let fixed = try layouts.fixedDescription(of: value) { return fixed }
    return try MemoryDescription(
      graph.shape(of: value), layouts.activationType.oneDNN, dnnl_format_tag_any)
  }
}
