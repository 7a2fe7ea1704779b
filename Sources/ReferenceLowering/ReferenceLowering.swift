public import TensorGraph
import Tensors

/// The definition of right: plain loops in the obvious order, in double precision, one node at a time.
public struct ReferenceLowering: Lowering {
  /// A reference lowering; it has no settings.
  public init() {}

  /// Keeps the graph as it is. Never throws.
  public func compile(_ graph: Graph) throws(LoweringError) -> any Program {
    ReferenceProgram(graph)
  }
}

/// Walks a graph and keeps every value as an array of doubles in row-major order.
public final class ReferenceProgram: InspectableProgram {
  private let graph: Graph
  private var leaves: [String: [Double]] = [:]
  private var results: [String: [Double]] = [:]

  /// A program whose inputs and variables are all zero.
  public init(_ graph: Graph) {
    self.graph = graph
    for leaf in graph.inputs + graph.variables {
      leaves[leaf.name] = .init(
        repeating: 0, count: graph.nodes[leaf.node].shapes[0].elementCount)
    }
  }

  /// Nothing is planned: every value has its own array.
  public var arenaByteCount: Int { 0 }

  /// Every value has its own array of doubles.
  public var byteCount: Int {
    graph.nodes.flatMap(\.shapes).reduce(0) { $0 + 8 * $1.elementCount }
  }

  /// One step per node.
  public var steps: [ProgramStep] {
    graph.nodes.indices.map { index in
      let node = graph.nodes[index]
      let shapes = node.inputs.map(graph.shape(of:)) + node.shapes
      return ProgramStep(
        name: node.operation.name, node: index, shape: node.shapes[0],
        byteCount: shapes.reduce(0) { $0 + 8 * $1.elementCount },
        multiplicationCount: graph.multiplicationCount(of: index))
    }
  }

  /// Sets an input or a variable from values in row-major order.
  public func write(_ values: [Float], to name: String) {
    write(values.map(Double.init), to: name)
  }

  /// Sets an input or a variable in double precision, for finite differences.
  public func write(_ values: [Double], to name: String) {
    precondition(
      leaves[name]?.count == values.count, "\(name) does not hold \(values.count) values.")
    leaves[name] = values
  }

  /// Sets a rank-4 input from values in the order `[N, H, W, C]`.
  public func write(channelsLast values: Span<Float>, to name: String) {
    guard let leaf = graph.inputs.first(where: { $0.name == name }) else {
      preconditionFailure("No input is called \(name).")
    }
    let shape = graph.nodes[leaf.node].shapes[0]
    precondition(shape.rank == 4 && shape.elementCount == values.count, "\(name) is \(shape).")
    let (channels, pixels) = (shape[1], shape[2] * shape[3])
    var planes = [Double](repeating: 0, count: values.count)
    for n in 0..<shape[0] {
      for c in 0..<channels {
        for p in 0..<pixels {
          planes[(n * channels + c) * pixels + p] = Double(values[(n * pixels + p) * channels + c])
        }
      }
    }
    leaves[name] = planes
  }

  /// A variable, or an output of the last run.
  public func read(_ name: String) -> [Float] { readDouble(name).map(Float.init) }

  /// A variable or an output in double precision.
  public func readDouble(_ name: String) -> [Double] {
    guard let values = results[name] ?? leaves[name] else {
      preconditionFailure("No variable or output is called \(name).")
    }
    return values
  }

  /// Evaluates every node, then makes the assignments. Never throws.
  public func run(afterEachStep: (Int) -> Void) throws(LoweringError) {
    var values: [[[Double]]] = []
    values.reserveCapacity(graph.nodes.count)
    for (index, node) in graph.nodes.enumerated() {
      defer { afterEachStep(index) }
      switch node.operation {
      case .input(let name), .variable(let name):
        values.append([leaves[name] ?? []])
      default:
        let operands = node.inputs.map {
          Operand(shape: graph.shape(of: $0), values: values[$0.node][$0.result])
        }
        values.append(evaluate(node.operation, operands, node.shapes))
      }
    }
    for output in graph.outputs {
      results[output.name] = values[output.value.node][output.value.result]
    }
    for assignment in graph.assignments {
      guard case .variable(let name) = graph.nodes[assignment.variable].operation else { continue }
      leaves[name] = values[assignment.value.node][assignment.value.result]
    }
  }
}
