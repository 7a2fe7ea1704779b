import COneDNN
import TensorGraph

/// oneDNN's CPU engine with one stream; primitives run on it in order.
@safe
final class Engine {
  let raw: dnnl_engine_t
  let stream: dnnl_stream_t

  init() throws(LoweringError) {
    var engine: dnnl_engine_t?
    try unsafe check(dnnl_engine_create(&engine, dnnl_cpu, 0), "engine")
    guard let engine = unsafe engine else { throw .executionFailed("engine is null") }
    var stream: dnnl_stream_t?
    try unsafe check(
      dnnl_stream_create(&stream, engine, dnnl_stream_default_flags.rawValue), "stream")
    guard let stream = unsafe stream else { throw .executionFailed("stream is null") }
    unsafe raw = engine
    unsafe self.stream = stream
  }

  deinit {
    unsafe dnnl_stream_destroy(stream)
    unsafe dnnl_engine_destroy(raw)
  }
}

/// A chosen kernel, not yet bound to memory. The scratchpad is the caller's.
@safe
final class PrimitiveDescription {
  let raw: dnnl_primitive_desc_t
  private let engine: Engine

  /// The kernel for a filled-in operation descriptor. `hint` is the forward kernel of a gradient.
  ///
  /// `following` is what the kernel does to each result before it writes it, in order. It is the first of oneDNN's kernels
  /// whose name does not contain `avoided`, unless only slow ones are left.
  init(
    _ descriptor: UnsafeRawPointer, hint: PrimitiveDescription? = nil, engine: Engine,
    following: [PostOperation] = [], avoiding avoided: String? = nil,
    _ what: @autoclosure () -> String
  ) throws(LoweringError) {
    var attributes: dnnl_primitive_attr_t?
    try unsafe check(dnnl_primitive_attr_create(&attributes), what())
    defer { unsafe dnnl_primitive_attr_destroy(attributes) }
    try unsafe check(
      dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user), what())
    try unsafe PostOperation.set(following, on: attributes)
    var iterator: dnnl_primitive_desc_iterator_t?
    try unsafe check(
      dnnl_primitive_desc_iterator_create(
        &iterator, descriptor, attributes, engine.raw, hint?.raw), what())
    defer { unsafe dnnl_primitive_desc_iterator_destroy(iterator) }
    guard var description = unsafe dnnl_primitive_desc_iterator_fetch(iterator) else {
      throw .unsupported(what())
    }
    while let avoided, unsafe PrimitiveDescription.name(description).contains(avoided) {
      guard unsafe dnnl_primitive_desc_iterator_next(iterator) == dnnl_success,
        let next = unsafe dnnl_primitive_desc_iterator_fetch(iterator)
      else { break }
      // Kernels of other names are slow: the first one is better than they are, even if it is to be avoided.
      if unsafe !PrimitiveDescription.name(next).contains("jit_bf16") {
        unsafe dnnl_primitive_desc_destroy(next)
        break
      }
      unsafe dnnl_primitive_desc_destroy(description)
      unsafe description = next
    }
    unsafe raw = description
    self.engine = engine
  }

  /// The kernel that copies from one layout and type to another.
  init(from: MemoryDescription, to: MemoryDescription, engine: Engine) throws(LoweringError) {
    var (source, destination) = (from.raw, to.raw)
    var attributes: dnnl_primitive_attr_t?
    try unsafe check(dnnl_primitive_attr_create(&attributes), "reorder")
    defer { unsafe dnnl_primitive_attr_destroy(attributes) }
    try unsafe check(
      dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user), "reorder")
    var description: dnnl_primitive_desc_t?
    try unsafe check(
      dnnl_reorder_primitive_desc_create(
        &description, &source, engine.raw, &destination, engine.raw, attributes), "reorder")
    guard let description = unsafe description else { throw .unsupported("reorder") }
    unsafe raw = description
    self.engine = engine
  }

  deinit { unsafe dnnl_primitive_desc_destroy(raw) }

  /// The layout that the kernel wants of one of its operands or results.
  func layout(_ query: dnnl_query_t) -> MemoryDescription {
    guard let description = unsafe dnnl_primitive_desc_query_md(raw, query, 0) else {
      preconditionFailure("The kernel has no \(query).")
    }
    return MemoryDescription(unsafe description.pointee)
  }

  /// The bytes of scratchpad that a run needs.
  var scratchByteCount: Int { layout(dnnl_query_scratchpad_md).byteCount }

  /// Whether it is the plain kernel that oneDNN takes where it has no fast one.
  var isPlainLoops: Bool { kernelName.hasPrefix("ref") }

  /// oneDNN's name of the kernel, such as `jit:avx512_core`.
  var kernelName: String { unsafe PrimitiveDescription.name(raw) }

  private static func name(_ raw: dnnl_primitive_desc_t) -> String {
    var text: UnsafePointer<CChar>?
    let status = unsafe withUnsafeMutablePointer(to: &text) {
      unsafe dnnl_primitive_desc_query(raw, dnnl_query_impl_info_str, 0, $0)
    }
    guard status == dnnl_success, let text = unsafe text else { return "unknown" }
    return unsafe String(cString: text)
  }
}

/// A kernel bound to memory: it can run any number of times without allocating.
@safe
final class Primitive {
  private let raw: dnnl_primitive_t
  private let engine: Engine
  private let arguments: UnsafeMutableBufferPointer<dnnl_exec_arg_t>
  private let name: String

  /// Binds `description` to `operands`: argument numbers, layouts and where they begin.
  init(
    _ description: PrimitiveDescription, engine: Engine, name: String,
    _ operands: [(argument: Int32, layout: MemoryDescription, address: Address)]
  ) throws(LoweringError) {
    var primitive: dnnl_primitive_t?
    try unsafe check(dnnl_primitive_create(&primitive, description.raw), name)
    guard let primitive = unsafe primitive else { throw .unsupported(name) }
    unsafe raw = primitive
    self.engine = engine
    self.name = name
    unsafe arguments = .allocate(capacity: operands.count)
    for (index, operand) in operands.enumerated() {
      var layout = operand.layout.raw
      var memory: dnnl_memory_t?
      try unsafe check(
        dnnl_memory_create(&memory, &layout, engine.raw, operand.address.base), "\(name): memory")
      unsafe arguments.initializeElement(
        at: index, to: dnnl_exec_arg_t(arg: operand.argument, memory: memory))
    }
  }

  deinit {
    for index in unsafe arguments.indices { unsafe dnnl_memory_destroy(arguments[index].memory) }
    unsafe arguments.deallocate()
    unsafe dnnl_primitive_destroy(raw)
  }

  /// Points one of the operands, by its index in the list, at other memory of the same layout.
  func move(operand: Int, to address: Address) throws(LoweringError) {
    try unsafe check(dnnl_memory_set_data_handle(arguments[operand].memory, address.base), name)
  }

  /// Runs the kernel and waits for it.
  func run() throws(LoweringError) {
    try unsafe check(
      dnnl_primitive_execute(raw, engine.stream, Int32(arguments.count), arguments.baseAddress),
      name)
    try unsafe check(dnnl_stream_wait(engine.stream), name)
  }
}
