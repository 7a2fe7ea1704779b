import CKernels
import COneDNN
import TensorGraph
import Tensors

/// How every value of a graph is stored, and which kernel computes every convolution.
///
/// It is a function of the graph, the precision and the processor. Feature maps take one layout for the whole network.
/// Parameters, and with them slots, gradients and averages, take the layout of the first convolution that reads them, and
/// pictures take the layout of the first kernel that reads them. So the kernels are chosen node by node, and each choice may
/// fix the layout of a class of values.
struct Layouts {
  /// What computes a convolution or a gradient of one.
  enum Kernel {
    case handWritten(HandWrittenKernel)
    case oneDNN(PrimitiveDescription)
  }

  /// Which layouts and kernels pay on a processor.
  struct Processor {
    /// The blocked layout pays.
    var hasAVX512: Bool
    /// The hand-written convolutions in bfloat16 run.
    var multipliesBFloat16: Bool
    /// Those by the matrix unit do.
    var hasAMX = false

    static var current: Processor {
      Processor(
        hasAVX512: ck_has_avx512(), multipliesBFloat16: ck_has_bfloat16(), hasAMX: ck_has_amx())
    }
  }

  private let graph: Graph
  private let classes: LayoutClasses
  let roles: Roles
  /// The number format of feature maps.
  private let precision: Precision
  /// The type of their elements.
  var activationType: ck_type { precision.elementType }
  /// The layout of each class of values that is not row-major, by its representative.
  private var fixed: [Graph.Value: Storage] = [:]
  /// The kernel of each convolution, by node.
  private(set) var kernels: [Int: Kernel] = [:]

  init(
    _ graph: Graph, readers: Graph.Readers, precision: Precision, engine: Engine,
    processor: Processor = .current
  ) throws(LoweringError) {
    self.graph = graph
    classes = LayoutClasses(graph)
    roles = Roles(graph, classes, readers)
    self.precision = precision
    fixFeatureMaps(processor)
    let constants = constantWeights(readers)
    for index in graph.nodes.indices {
      guard let convolution = Convolution(graph, index) else { continue }
      kernels[index] = try kernel(
        index, convolution, isConstant: constants.contains(convolution.w), engine, processor)
    }
  }

  /// How a value is stored.
  func storage(of value: Graph.Value) -> Storage {
    let type = roles.role(of: value).elementType(activations: precision).elementType
    return fixed[classes.representative(value)] ?? .rowMajor(type)
  }

  func description(of value: Graph.Value) throws(LoweringError) -> MemoryDescription {
    try storage(of: value).description(of: graph.shape(of: value))
  }

  // MARK: Layouts

  private mutating func fixFeatureMaps(_ processor: Processor) {
    let isInference = Layouts.isFolded(graph)
    for (index, node) in graph.nodes.enumerated() {
      for result in node.shapes.indices {
        let value = Graph.Value(node: index, result: result)
        guard roles.role(of: value) == .featureMap else { continue }
        // oneDNN's products of small matrices, which inference in bfloat16 prefers, want NHWC.
        let isBlocked =
          processor.hasAVX512 && node.shapes[result][1] % 16 == 0
          && !(isInference && activationType == ck_bfloat16)
        fixed[classes.representative(value)] =
          isBlocked ? .blocked(activationType) : .channelsLast(activationType)
      }
    }
  }

  private func fixedStorage(of value: Graph.Value) -> Storage? {
    fixed[classes.representative(value)]
  }

  /// Fixes the layout of a value's class, unless a kernel before has done so.
  private mutating func fix(_ value: Graph.Value, _ storage: Storage) {
    let representative = classes.representative(value)
    if fixed[representative] == nil { fixed[representative] = storage }
  }

  /// Whether the graph is an encoder's whose normalisations are folded into the convolutions.
  private static func isFolded(_ graph: Graph) -> Bool {
    graph.nodes.contains { node in
      if case .convolutionWithBias = node.operation { true } else { false }
    }
  }

  /// Variables that only the host changes and that only convolutions with bias read, as their weights.
  private func constantWeights(_ readers: Graph.Readers) -> Set<Graph.Value> {
    let assigned = Set(graph.assignments.map(\.variable))
    return Set(
      graph.variables.map { Graph.Value(node: $0.node) }.filter { variable in
        !assigned.contains(variable.node) && readers.assignments(of: variable).isEmpty
          && readers.operands(of: variable).allSatisfy { operand in
            guard case .convolutionWithBias = graph.nodes[operand.node].operation else {
              return false
            }
            return operand.number == 1
          }
      })
  }

  // MARK: Kernels

  private mutating func kernel(
    _ index: Int, _ convolution: Convolution, isConstant: Bool, _ engine: Engine,
    _ processor: Processor
  ) throws(LoweringError) -> Kernel {
    let mayBeHandWritten = convolution.result != .yWithBias || isConstant
    let hasKernels =
      activationType == ck_bfloat16
      ? processor.multipliesBFloat16 : ck_has_winograd(convolution.geometry, ck_float32)
    if hasKernels, mayBeHandWritten,
      let kernel = try handWrittenKernel(convolution, processor)
    {
      return .handWritten(kernel)
    }
    let choice = KernelChoice(
      layouts: self, graph: graph, engine: engine, processor: processor)
    switch convolution.result {
    case .y:
      let kernel = try choice.forward(convolution)
      fix(convolution.x, .kernel(kernel.layout(dnnl_query_src_md)))
      fixWeights(convolution.w, kernel)
      return .oneDNN(kernel)
    case .dx: return .oneDNN(try choice.inputGradient(convolution))
    case .dw:
      let (kernel, picture) = try choice.weightGradient(convolution)
      fix(convolution.x, .kernel(picture))
      if fixedStorage(of: convolution.w) == nil {
        fix(convolution.w, .kernel(kernel.layout(dnnl_query_diff_weights_md)))
      }
      return .oneDNN(kernel)
    case .yWithBias:
      let kernel = try choice.inference(index, convolution)
      fix(convolution.x, .kernel(kernel.layout(dnnl_query_src_md)))
      // Constant weights are stored as the kernel reads them, in its precision: writing them is then their only copy.
      if isConstant {
        fix(convolution.w, .kernel(kernel.layout(dnnl_query_weights_md)))
      } else {
        fixWeights(convolution.w, kernel)
      }
      return .oneDNN(kernel)
    }
  }

  /// In float32 the parameters are stored in the forward kernel's layout. In bfloat16 the kernels read a narrower copy
  /// anyway, so the kernel that writes the weights' gradient chooses (or nobody, and they stay row-major).
  private mutating func fixWeights(_ weights: Graph.Value, _ kernel: PrimitiveDescription) {
    if activationType == ck_float32 {
      fix(weights, .kernel(kernel.layout(dnnl_query_weights_md)))
    }
  }

  /// The hand-written kernel of a convolution if it is the fastest and the layouts suit it. It fixes the layouts of the
  /// weights and the pictures that it reads.
  private mutating func handWrittenKernel(
    _ convolution: Convolution, _ processor: Processor
  ) throws(LoweringError) -> HandWrittenKernel? {
    let isInference = convolution.result == .yWithBias
    let activations: [Storage] =
      activationType == ck_float32
      ? [.blocked(ck_float32), .channelsLast(ck_float32)]
      : [isInference ? .channelsLast(ck_bfloat16) : .blocked(ck_bfloat16)]
    guard activations.contains(storage(of: convolution.y)),
      let kernel = HandWrittenKernel(
        computing: convolution.result, convolution.geometry, activationType,
        hasAMX: processor.hasAMX)
    else { return nil }
    let pictures = Storage.channelsLast(ck_bfloat16)
    if kernel.readsPictures {
      guard [nil, pictures].contains(fixedStorage(of: convolution.x)) else { return nil }
    } else {
      guard storage(of: convolution.x) == storage(of: convolution.y) else { return nil }
    }
    // Hand-written kernels pack their weights from one layout, and write the gradient of the weights in it.
    let weights = Storage.kernel(
      try MemoryDescription(graph.shape(of: convolution.w), dnnl_f32, dnnl_ohwi))
    fix(convolution.w, weights)
    guard storage(of: convolution.w) == weights else { return nil }
    if kernel.readsPictures { fix(convolution.x, pictures) }
    return kernel
  }
}

extension Layouts {
  /// A value's layout as a choice of oneDNN's kernels sees it: fixed, or nil if the kernel may choose.
  func fixedDescription(of value: Graph.Value) throws(LoweringError) -> MemoryDescription? {
    try fixedStorage(of: value)?.description(of: graph.shape(of: value))
  }
}

extension Layouts: CustomStringConvertible {
  /// One line for each value and for each convolution, in the order of the nodes.
  var description: String {
    var lines: [String] = []
    for (index, node) in graph.nodes.enumerated() {
      for result in node.shapes.indices {
        let value = Graph.Value(node: index, result: result)
        let name = result == 0 ? "%\(index)" : "%\(index).\(result)"
        lines.append("\(name): \(roles.role(of: value).rawValue), \(storage(of: value))")
      }
      switch kernels[index] {
      case .handWritten(let kernel): lines.append("%\(index) by \(kernel.name)")
      case .oneDNN(let kernel): lines.append("%\(index) by oneDNN's \(kernel.kernelName)")
      case nil: break
      }
    }
    return lines.joined(separator: "\n")
  }
}
