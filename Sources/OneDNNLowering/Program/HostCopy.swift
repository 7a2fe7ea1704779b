import CKernels
import COneDNN
import TensorGraph
import Tensors

/// A copy of one leaf or output between the host's layout, in float32, and the program's.
@safe
final class HostCopy {
  /// Which way, and what the host's layout is.
  enum Kind {
    case rowMajorIn, channelsLastIn, rowMajorOut
  }

  /// What a copy is kept under.
  struct Key: Hashable {
    var kind: Kind
    var name: String
  }

  private let kind: Kind
  private let value: HostValue
  /// nil where the layouts agree, so that bytes are copied.
  private let kernel: Primitive?
  private let scratch: Buffer

  /// A copy between `value` and host memory such as that at `base`.
  init(_ kind: Kind, _ value: HostValue, _ base: UnsafeMutableRawPointer, engine: Engine)
    throws(LoweringError)
  {
    self.kind = kind
    self.value = value
    let host: Storage = kind == .channelsLastIn ? .channelsLast(ck_float32) : .rowMajor(ck_float32)
    let layout = try host.description(of: value.shape)
    guard layout != value.layout else {
      kernel = nil
      scratch = Buffer(byteCount: 0)
      return
    }
    let ends = kind == .rowMajorOut ? (value.layout, layout) : (layout, value.layout)
    let reorder = try PrimitiveDescription(from: ends.0, to: ends.1, engine: engine)
    scratch = Buffer(byteCount: reorder.scratchByteCount)
    // The host's side comes first: its address changes from call to call.
    let arguments: (host: Int32, program: Int32) =
      kind == .rowMajorOut ? (DNNL_ARG_TO, DNNL_ARG_FROM) : (DNNL_ARG_FROM, DNNL_ARG_TO)
    let operands = unsafe [
      (arguments.host, layout, base), (arguments.program, value.layout, value.base),
      (
        Int32(DNNL_ARG_SCRATCHPAD), reorder.layout(dnnl_query_scratchpad_md), scratch.pointer
      ),
    ]
    kernel = try unsafe Primitive(reorder, engine: engine, name: "host copy", operands)
  }

  /// Copies from or to the host's memory at `base`.
  func run(_ base: UnsafeMutableRawPointer) throws(LoweringError) {
    if let kernel {
      try unsafe kernel.move(operand: 0, to: base)
      return try kernel.run()
    }
    let byteCount = value.layout.byteCount
    if kind == .rowMajorOut {
      unsafe base.copyMemory(from: value.base, byteCount: byteCount)
    } else {
      unsafe value.base.copyMemory(from: base, byteCount: byteCount)
    }
  }
}
