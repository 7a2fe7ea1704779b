import CKernels
import COneDNN
import TensorGraph
import Tensors

/// A leaf or an output as the host reads and writes it.
struct HostValue {
  var node: Int
  var shape: Shape
  var layout: MemoryDescription
  var address: Address

  init(
    _ value: Graph.Value, _ graph: Graph, _ layouts: Layouts, _ memory: ProgramMemory
  ) throws(LoweringError) {
    node = value.node
    shape = graph.shape(of: value)
    layout = try layouts.description(of: value)
    address = memory.address(of: value)
  }
}

/// A compiled graph: steps bound to memory.
final class OneDNNProgram: InspectableProgram {
  private let graph: Graph
  private let engine: Engine
  private let threads: ThreadBudget
  private let plan: MemoryPlan
  private let memory: ProgramMemory
  private let preparations: [Step]
  private let bound: [Step]
  /// Whether the preparations have run since the host last wrote a variable.
  private var isPrepared = false
  private let leaves: [String: HostValue]
  private let outputs: [String: HostValue]
  private var hostCopies: [HostCopy.Key: HostCopy] = [:]
  /// The copies from other programs' outputs, by the name of the input.
  private var programCopies: [String: ProgramCopy] = [:]

  init(
    _ graph: Graph, _ layouts: Layouts, _ plan: MemoryPlan, _ memory: ProgramMemory,
    engine: Engine, threads: ThreadBudget, preparations: [Step], steps: [Step]
  ) throws(LoweringError) {
    self.graph = graph
    self.engine = engine
    self.threads = threads
    self.plan = plan
    self.memory = memory
    self.preparations = preparations
    bound = steps
    var (leaves, outputs): ([String: HostValue], [String: HostValue]) = ([:], [:])
    for leaf in graph.inputs + graph.variables {
      leaves[leaf.name] = try HostValue(.init(node: leaf.node), graph, layouts, memory)
    }
    for output in graph.outputs {
      outputs[output.name] = try HostValue(output.value, graph, layouts, memory)
    }
    (self.leaves, self.outputs) = (leaves, outputs)
  }

  var arenaByteCount: Int { plan.byteCount }

  var byteCount: Int { memory.byteCount }

  var steps: [ProgramStep] { bound.map(\.description) }

  func run(afterEachStep: (Int) -> Void) throws(LoweringError) {
    ck_set_threads(Int32(threads.count))
    if !isPrepared {
      for step in preparations { try step.run() }
      isPrepared = true
    }
    for (number, step) in bound.enumerated() {
      try step.run()
      afterEachStep(number)
    }
  }

  func write(_ values: [Float], to name: String) {
    let value = leaf(name)
    precondition(
      values.count == value.shape.elementCount, "\(name) is not \(values.count) values.")
    unsafe values.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      unsafe copy(.rowMajorIn, name, value, Address(UnsafeMutableRawPointer(mutating: base)))
    }
  }

  func write(channelsLast values: Span<Float>, to name: String) {
    let value = leaf(name)
    precondition(
      values.count == value.shape.elementCount && value.shape.rank == 4,
      "\(name) is not \(values.count) values of rank 4.")
    unsafe values.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      unsafe copy(.channelsLastIn, name, value, Address(UnsafeMutableRawPointer(mutating: base)))
    }
  }

  func write(_ output: String, of other: any Program, to name: String) {
    guard let other = other as? OneDNNProgram else { return write(other.read(output), to: name) }
    guard let from = other.outputs[output] else {
      preconditionFailure("No output is called \(output).")
    }
    let to = leaf(name)
    precondition(from.shape == to.shape, "\(name) is \(to.shape), \(output) \(from.shape).")
    ck_set_threads(Int32(threads.count))
    host { () throws(LoweringError) in
      if let copy = programCopies[name], copy.source === other, copy.output == output {
        return try copy.run()
      }
      let copy = try ProgramCopy(output, from, of: other, to: to, engine: engine)
      programCopies[name] = copy
      try copy.run()
    }
  }

  func read(_ name: String) -> [Float] {
    guard let value = outputs[name] ?? leaves[name] else {
      preconditionFailure("No variable or output is called \(name).")
    }
    var values = [Float](repeating: 0, count: value.shape.elementCount)
    unsafe values.withUnsafeMutableBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      unsafe copy(.rowMajorOut, name, value, Address(base))
    }
    return values
  }

  /// Where the host is about to write.
  private func leaf(_ name: String) -> HostValue {
    guard let value = leaves[name] else {
      preconditionFailure("No input or variable is called \(name).")
    }
    if case .variable = graph.nodes[value.node].operation { isPrepared = false }
    return value
  }

  /// Copies between the host's layout and the program's. A kernel is made at the first copy of its kind.
  private func copy(
    _ kind: HostCopy.Kind, _ name: String, _ value: HostValue, _ address: Address
  ) {
    host { () throws(LoweringError) in
      let key = HostCopy.Key(kind: kind, name: name)
      if let copy = hostCopies[key] { return try copy.run(address) }
      let copy = try HostCopy(kind, value, address, engine: engine)
      hostCopies[key] = copy
      try copy.run(address)
    }
  }

  /// Runs what compiled once already with these layouts and so cannot fail but for lack of memory.
  private func host<Result>(_ body: () throws(LoweringError) -> Result) -> Result {
    do { return try body() } catch { preconditionFailure("A copy to or from the host: \(error)") }
  }
}
