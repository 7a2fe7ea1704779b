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

  /// A copy between `value` and host memory such as that at `host`.
  init(_ kind: Kind, _ value: HostValue, _ host: Address, engine: Engine)
    throws(LoweringError)
  {
    self.kind = kind
    self.value = value
    let storage: Storage =
      kind == .channelsLastIn ? .channelsLast(ck_float32) : .rowMajor(ck_float32)
    let layout = try storage.description(of: value.shape)
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
    let operands = [
      (arguments.host, layout, host), (arguments.program, value.layout, value.address),
      (
        Int32(DNNL_ARG_SCRATCHPAD), reorder.layout(dnnl_query_scratchpad_md),
        unsafe Address(scratch.pointer)
      ),
    ]
    kernel = try Primitive(reorder, engine: engine, name: "host copy", operands)
  }

  /// Copies from or to the host's memory at `host`.
  func run(_ host: Address) throws(LoweringError) {
    if let kernel {
      try kernel.move(operand: 0, to: host)
      return try kernel.run()
    }
    let byteCount = value.layout.byteCount
    if kind == .rowMajorOut {
      unsafe host.base.copyMemory(from: value.address.base, byteCount: byteCount)
    } else {
      unsafe value.address.base.copyMemory(from: host.base, byteCount: byteCount)
    }
  }
}

/// A copy of an output of one program to an input of another, from layout to layout.
@safe
final class ProgramCopy {
  /// The program that is read. It is held, since the copy is bound to its memory.
  let source: OneDNNProgram
  /// The name of its output.
  let output: String
  private let kernel: Primitive
  private let scratch: Buffer

  /// A copy between two values of the same shape.
  init(
    _ output: String, _ from: HostValue, of source: OneDNNProgram, to input: HostValue,
    engine: Engine
  ) throws(LoweringError) {
    (self.source, self.output) = (source, output)
    let reorder = try PrimitiveDescription(from: from.layout, to: input.layout, engine: engine)
    scratch = Buffer(byteCount: reorder.scratchByteCount)
    kernel = try Primitive(
      reorder, engine: engine, name: "copy between programs",
      [
        (DNNL_ARG_FROM, from.layout, from.address), (DNNL_ARG_TO, input.layout, input.address),
        (
          Int32(DNNL_ARG_SCRATCHPAD), reorder.layout(dnnl_query_scratchpad_md),
          unsafe Address(scratch.pointer)
        ),
      ])
  }

  /// Copies.
  func run() throws(LoweringError) { try kernel.run() }
}
