import CKernels
import COneDNN
import TensorGraph
import Tensors

/// Throws where oneDNN reports an error; `what` names the call for people.
func check(_ status: dnnl_status_t, _ what: @autoclosure () -> String) throws(LoweringError) {
  guard status == dnnl_success else {
    throw .executionFailed("\(what()): oneDNN status \(status.rawValue)")
  }
}

/// oneDNN's description of how a tensor's elements are stored.
struct MemoryDescription: Hashable {
  var raw: dnnl_memory_desc_t

  init(_ raw: dnnl_memory_desc_t) { self.raw = raw }

  /// `shape` in the layout `tag`; `dnnl_format_tag_any` lets a primitive choose.
  init(_ shape: Shape, _ type: dnnl_data_type_t, _ tag: dnnl_format_tag_t) throws(LoweringError) {
    var raw = dnnl_memory_desc_t()
    let extents = shape.rank == 0 ? [1] : shape.dimensions
    let dims = dimensions(extents)
    try unsafe check(
      dnnl_memory_desc_init_by_tag(&raw, Int32(extents.count), dims, type, tag),
      "memory description of \(shape)")
    self.raw = raw
  }

  /// The bytes of a buffer that holds it, padding included.
  var byteCount: Int {
    var copy = raw
    return unsafe dnnl_memory_desc_get_size(&copy)
  }

  /// The type of the elements, where it is one of ours.
  var type: ck_type { raw.data_type == dnnl_bf16 ? ck_bfloat16 : ck_float32 }

  func hash(into hasher: inout Hasher) { hasher.combine(byteCount) }

  static func == (left: MemoryDescription, right: MemoryDescription) -> Bool {
    var (a, b) = (left.raw, right.raw)
    return unsafe dnnl_memory_desc_equal(&a, &b) != 0
  }
}

/// Extents as oneDNN takes them.
func dimensions(_ extents: [Int]) -> [Int64] {
  extents.map(Int64.init) + .init(repeating: 0, count: Int(DNNL_MAX_NDIMS) - extents.count)
}
