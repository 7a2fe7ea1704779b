import CKernels
import COneDNN
import TensorGraph
import Tensors

/// Where the host finds a leaf or an output.
@safe
struct HostPlace {
  var node: Int
  var shape: Shape
  var layout: MemoryDescription
  var base: UnsafeMutableRawPointer
}

extension Compilation {
  func leafPlaces() throws(LoweringError) -> [String: HostPlace] {
    var places: [String: HostPlace] = [:]
    for leaf in graph.inputs + graph.variables {
      places[leaf.name] = try place(.init(node: leaf.node))
    }
    return places
  }

  func outputPlaces() throws(LoweringError) -> [String: HostPlace] {
    var places: [String: HostPlace] = [:]
    for output in graph.outputs { places[output.name] = try place(output.value) }
    return places
  }

  private func place(_ value: Graph.Value) throws(LoweringError) -> HostPlace {
    try unsafe HostPlace(
      node: value.node, shape: graph.shape(of: value), layout: description(of: value),
      base: address(value))
  }
}

/// A compiled graph: steps bound to memory.
final class OneDNNProgram: Program {
  private let graph: Graph
  private let engine: Engine
  private let threads: ThreadBudget
  private let plan: MemoryPlan
  private let memory: ProgramMemory
  private let preparations: [Step]
  private let bound: [Step]
  /// Whether the preparations have run since the host last wrote a variable.
  private var isPrepared = false
  private let leaves: [String: HostPlace]
  private let outputs: [String: HostPlace]
  private var hostCopies: [HostCopy.Key: HostCopy] = [:]

  init(
    graph: Graph, engine: Engine, threads: ThreadBudget, arena: MemoryPlan, memory: ProgramMemory,
    preparations: [Step], steps: [Step], leaves: [String: HostPlace], outputs: [String: HostPlace]
  ) {
    self.graph = graph
    self.engine = engine
    self.threads = threads
    plan = arena
    self.memory = memory
    self.preparations = preparations
    bound = steps
    self.leaves = leaves
    self.outputs = outputs
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
    for (place, step) in bound.enumerated() {
      try step.run()
      afterEachStep(place)
    }
  }

  func write(_ values: [Float], to name: String) {
    let place = leaf(name)
    precondition(
      values.count == place.shape.elementCount, "\(name) is not \(values.count) values.")
    unsafe values.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      unsafe copy(.rowMajorIn, name, place, UnsafeMutableRawPointer(mutating: base))
    }
  }

  func write(channelsLast values: Span<Float>, to name: String) {
    let place = leaf(name)
    precondition(
      values.count == place.shape.elementCount && place.shape.rank == 4,
      "\(name) is not \(values.count) values of rank 4.")
    unsafe values.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      unsafe copy(.channelsLastIn, name, place, UnsafeMutableRawPointer(mutating: base))
    }
  }

  func read(_ name: String) -> [Float] {
    guard let place = outputs[name] ?? leaves[name] else {
      preconditionFailure("No variable or output is called \(name).")
    }
    var values = [Float](repeating: 0, count: place.shape.elementCount)
    unsafe values.withUnsafeMutableBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      unsafe copy(.rowMajorOut, name, place, base)
    }
    return values
  }

  /// Where the host is about to write.
  private func leaf(_ name: String) -> HostPlace {
    guard let place = leaves[name] else {
      preconditionFailure("No input or variable is called \(name).")
    }
    if case .variable = graph.nodes[place.node].operation { isPrepared = false }
    return place
  }

  /// Copies between the host's layout and the program's. A kernel is made at the first copy of its kind.
  private func copy(
    _ kind: HostCopy.Kind, _ name: String, _ place: HostPlace, _ base: UnsafeMutableRawPointer
  ) {
    host { () throws(LoweringError) in
      let key = HostCopy.Key(kind: kind, name: name)
      if let copy = hostCopies[key] { return try unsafe copy.run(base) }
      let copy = try unsafe HostCopy(kind, place, base, engine: engine)
      hostCopies[key] = copy
      try unsafe copy.run(base)
    }
  }

  /// Runs what compiled once already with these layouts and so cannot fail but for lack of memory.
  private func host<Result>(_ body: () throws(LoweringError) -> Result) -> Result {
    do { return try body() } catch { preconditionFailure("A copy to or from the host: \(error)") }
  }
}
