import COneDNN
import TensorGraph

/// What a kernel of oneDNN does to each result before it writes it.
enum PostOperation {
  /// Adds what is in the result's bytes.
  case addResidual
  case relu

  /// Makes the operations part of a kernel's attributes.
  static func set(_ operations: [PostOperation], on attributes: dnnl_primitive_attr_t?)
    throws(LoweringError)
  {
    guard !operations.isEmpty else { return }
    var list: dnnl_post_ops_t?
    try unsafe check(dnnl_post_ops_create(&list), "post operations")
    defer { unsafe dnnl_post_ops_destroy(list) }
    for operation in operations {
      switch operation {
      case .addResidual: try unsafe check(dnnl_post_ops_append_sum(list, 1), "residual")
      case .relu:
        try unsafe check(
          dnnl_post_ops_append_eltwise(list, 1, dnnl_eltwise_relu, 0, 0), "ReLU")
      }
    }
    try unsafe check(dnnl_primitive_attr_set_post_ops(attributes, list), "post operations")
  }
}
