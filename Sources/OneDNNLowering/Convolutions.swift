import COneDNN
import TensorGraph

/// A convolution's three tensors.
enum Convolution {
  /// How they are stored, or that oneDNN may choose.
  struct Layouts {
    var x: MemoryDescription
    var w: MemoryDescription
    var y: MemoryDescription
  }
}

extension Engine {
  /// The kernel of `y = x ∗ w` for the given layouts; a layout may leave the choice to oneDNN.
  func forward(_ layouts: Convolution.Layouts, stride: Int, padding: Int, training: Bool)
    throws(LoweringError) -> PrimitiveDescription
  {
    var (x, w, y) = (layouts.x.raw, layouts.w.raw, layouts.y.raw)
    var descriptor = dnnl_convolution_desc_t()
    let (strides, paddings) = (dimensions([stride, stride]), dimensions([padding, padding]))
    try unsafe check(
      dnnl_convolution_forward_desc_init(
        &descriptor, training ? dnnl_forward_training : dnnl_forward_inference,
        dnnl_convolution_direct, &x, &w, nil, &y, strides, paddings, paddings),
      "convolution")
    return try unsafe PrimitiveDescription(&descriptor, engine: self, "convolution")
  }

  /// The kernel of the gradient of the input.
  func inputGradient(
    _ layouts: Convolution.Layouts, stride: Int, padding: Int, forward: PrimitiveDescription
  ) throws(LoweringError) -> PrimitiveDescription {
    var (dx, w, dy) = (layouts.x.raw, layouts.w.raw, layouts.y.raw)
    var descriptor = dnnl_convolution_desc_t()
    let (strides, paddings) = (dimensions([stride, stride]), dimensions([padding, padding]))
    try unsafe check(
      dnnl_convolution_backward_data_desc_init(
        &descriptor, dnnl_convolution_direct, &dx, &w, &dy, strides, paddings, paddings),
      "input gradient")
    return try unsafe PrimitiveDescription(
      &descriptor, hint: forward, engine: self, "input gradient")
  }

  /// The kernel of the gradient of the weights.
  func weightGradient(
    _ layouts: Convolution.Layouts, stride: Int, padding: Int, forward: PrimitiveDescription
  ) throws(LoweringError) -> PrimitiveDescription {
    var (x, dw, dy) = (layouts.x.raw, layouts.w.raw, layouts.y.raw)
    var descriptor = dnnl_convolution_desc_t()
    let (strides, paddings) = (dimensions([stride, stride]), dimensions([padding, padding]))
    try unsafe check(
      dnnl_convolution_backward_weights_desc_init(
        &descriptor, dnnl_convolution_direct, &x, &dw, nil, &dy, strides, paddings, paddings),
      "weight gradient")
    return try unsafe PrimitiveDescription(
      &descriptor, hint: forward, engine: self, "weight gradient")
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
