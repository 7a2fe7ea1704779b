import CKernels
import COneDNN
import TensorGraph
import Tensors

/// How the three tensors of a convolution are stored, or that oneDNN may choose.
struct ConvolutionTensors {
  var x: MemoryDescription
  var w: MemoryDescription
  var y: MemoryDescription
}

extension Engine {
  /// The kernel of `y = x ∗ w`. Plans of training ask for another kernel than inference.
  func forward(_ tensors: ConvolutionTensors, _ c: Convolution, training: Bool)
    throws(LoweringError) -> PrimitiveDescription
  {
    var (x, w, y) = (tensors.x.raw, tensors.w.raw, tensors.y.raw)
    var descriptor = dnnl_convolution_desc_t()
    let (strides, paddings) = (
      dimensions([c.stride, c.stride]), dimensions([c.padding, c.padding])
    )
    try unsafe check(
      dnnl_convolution_forward_desc_init(
        &descriptor, training ? dnnl_forward_training : dnnl_forward_inference,
        dnnl_convolution_direct, &x, &w, nil, &y, strides, paddings, paddings),
      "convolution")
    return try unsafe PrimitiveDescription(&descriptor, engine: self, "convolution")
  }

  /// The kernel of the gradient of the input.
  func inputGradient(
    _ tensors: ConvolutionTensors, _ c: Convolution, forward: PrimitiveDescription
  ) throws(LoweringError) -> PrimitiveDescription {
    var (dx, w, dy) = (tensors.x.raw, tensors.w.raw, tensors.y.raw)
    var descriptor = dnnl_convolution_desc_t()
    let (strides, paddings) = (
      dimensions([c.stride, c.stride]), dimensions([c.padding, c.padding])
    )
    try unsafe check(
      dnnl_convolution_backward_data_desc_init(
        &descriptor, dnnl_convolution_direct, &dx, &w, &dy, strides, paddings, paddings),
      "input gradient")
    return try unsafe PrimitiveDescription(
      &descriptor, hint: forward, engine: self, "input gradient")
  }

  /// The kernel of the gradient of the weights.
  func weightGradient(
    _ tensors: ConvolutionTensors, _ c: Convolution, forward: PrimitiveDescription
  ) throws(LoweringError) -> PrimitiveDescription {
    var (x, dw, dy) = (tensors.x.raw, tensors.w.raw, tensors.y.raw)
    var descriptor = dnnl_convolution_desc_t()
    let (strides, paddings) = (
      dimensions([c.stride, c.stride]), dimensions([c.padding, c.padding])
    )
    try unsafe check(
      dnnl_convolution_backward_weights_desc_init(
        &descriptor, dnnl_convolution_direct, &x, &dw, nil, &dy, strides, paddings, paddings),
      "weight gradient")
    return try unsafe PrimitiveDescription(
      &descriptor, hint: forward, engine: self, "weight gradient")
  }

  /// The kernel of `y = x ∗ w + bias` and of what follows it. The bias is float32, one per channel of y.
  func convolutionWithBias(
    _ tensors: ConvolutionTensors, _ c: Convolution, _ following: [PostOperation],
    avoiding avoided: String?
  ) throws(LoweringError) -> PrimitiveDescription {
    var (x, w, y) = (tensors.x.raw, tensors.w.raw, tensors.y.raw)
    var bias = try MemoryDescription([Int(c.geometry.out_channels)], dnnl_f32, dnnl_a).raw
    var descriptor = dnnl_convolution_desc_t()
    let (strides, paddings) = (
      dimensions([c.stride, c.stride]), dimensions([c.padding, c.padding])
    )
    try unsafe check(
      dnnl_convolution_forward_desc_init(
        &descriptor, dnnl_forward_inference, dnnl_convolution_direct, &x, &w, &bias, &y, strides,
        paddings, paddings), "convolution")
    return try unsafe PrimitiveDescription(
      &descriptor, engine: self, following: following, avoiding: avoided, "convolution")
  }

  /// The kernel of the product of two matrices in the given layouts.
  func matrixProduct(_ a: MemoryDescription, _ b: MemoryDescription, _ c: MemoryDescription)
    throws(LoweringError) -> PrimitiveDescription
  {
    var (first, second, product) = (a.raw, b.raw, c.raw)
    var descriptor = dnnl_matmul_desc_t()
    try unsafe check(
      dnnl_matmul_desc_init(&descriptor, &first, &second, nil, &product), "matrix product")
    return try unsafe PrimitiveDescription(&descriptor, engine: self, "matrix product")
  }
}
