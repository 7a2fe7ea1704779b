import CKernels
import COneDNN
import TensorGraph
import Tensors

/// Binds the kernels of a graph's nodes to memory, node by node.
///
/// Layouts, aliases and offsets are given. What it adds is copies: weights, and whatever a kernel reads in another layout
/// than it is stored in, are copied at their first use in a run.
struct StepBuilder {
  let graph: Graph
  let layouts: Layouts
  let aliases: Aliases
  let engine: Engine
  private(set) var memory: ProgramMemory
  /// What is made from weights that only the host changes, before the first run after a change.
  private(set) var preparations: [Step] = []
  /// The blocks of the copies made so far: each serves all later kernels that want the same.
  private var copies: [Copy: Int] = [:]

  /// A value as a kernel reads it, where that is not as it is stored.
  struct Copy: Hashable {
    /// The value's root.
    var value: Graph.Value
    var form: Form

    enum Form: Hashable {
      /// In the layout that a oneDNN kernel wants.
      case layout(MemoryDescription)
      /// Packed for a hand-written convolution. Winograd's filters differ with the stride.
      case packed(HandWrittenKernel.DataKernel, isGradient: Bool, stride: Int)
      /// Transformed for Winograd's filtering in float32.
      case float32Winograd(tile: Int32, isGradient: Bool)
    }
  }

  init(
    _ graph: Graph, _ layouts: Layouts, _ aliases: Aliases, _ memory: ProgramMemory,
    _ engine: Engine
  ) {
    self.graph = graph
    self.layouts = layouts
    self.aliases = aliases
    self.memory = memory
    self.engine = engine
  }

  /// All steps of a run: the nodes', then the assignments.
  mutating func steps() throws(LoweringError) -> [Step] {
    var steps: [Step] = []
    for node in graph.nodes.indices { steps += try self.steps(for: node) }
    return steps + (try assignments())
  }

  private mutating func steps(for index: Int) throws(LoweringError) -> [Step] {
    let node = graph.nodes[index]
    switch node.operation {
    case .input, .variable, .stopGradient: return []
    case .constant(let value): return try constant(value, index)
    case .convolution, .convolutionInputGradient, .convolutionWeightGradient,
      .convolutionWithBias:
      return try convolution(index)
    case .batchNormalization(let epsilon, let relu):
      return try batchNormalization(index, epsilon, relu)
    case .batchNormalizationGradient(let epsilon, let relu):
      return try batchNormalizationGradient(index, epsilon, relu)
    case .batchNormalizationInference(let epsilon, let relu):
      return try batchNormalizationInference(index, epsilon, relu)
    case .maxPool(let size, let stride, let padding):
      return try maxPool(index, size, stride, padding)
    case .maxPoolGradient(let size, let stride, let padding):
      return try maxPoolGradient(index, size, stride, padding)
    case .globalAveragePool: return try averagePool(index)
    case .globalAveragePoolGradient: return try averagePoolGradient(index)
    case .matrixProduct(let transposeFirst, let transposeSecond):
      return try matrixProduct(index, transposeFirst, transposeSecond)
    case .addBias: return try addBias(index)
    case .sumRows: return try sumRows(index)
    case .sumColumns: return try sumColumns(index)
    case .repeatColumns(let count): return try repeatColumns(index, count)
    case .repeatRows: return try repeatRows(index)
    case .zeroDiagonal: return try zeroDiagonal(index)
    case .logSumExpOfRows(let excludingDiagonal):
      return try logSumExp(index, excludingDiagonal)
    case .logSumExpOfRowsGradient(let excludingDiagonal):
      return try logSumExpGradient(index, excludingDiagonal)
    case .concatenateRows: return try concatenateRows(index)
    case .sliceRows(let first, let count): return try sliceRows(index, first, count)
    case .placeRows(let first, _): return try placeRows(index, first)
    case .add: return try elementwise(ck_add, index)
    case .subtract: return try elementwise(ck_subtract, index)
    case .multiply: return try elementwise(ck_multiply, index)
    case .divide: return try elementwise(ck_divide, index)
    case .reluGradient: return try elementwise(ck_relu_gradient, index)
    case .relu: return try elementwise(ck_relu, index)
    case .squareRoot: return try elementwise(ck_square_root, index)
    case .exponential: return try elementwise(ck_exponential, index)
    case .logarithm: return try elementwise(ck_logarithm, index)
    case .scale(let factor): return try scale(index, factor)
    case .addScalar(let term): return try addScalar(index, term)
    case .broadcast: return try broadcast(index)
    case .mean: return try mean(index)
    case .l2Normalize(let epsilon): return try l2Normalize(index, epsilon)
    case .l2NormalizeGradient(let epsilon): return try l2NormalizeGradient(index, epsilon)
    case .interpolate: return try interpolate(index)
    case .runningAverage(let rate, let correction):
      return try runningAverage(index, rate, correction)
    case .optimizerUpdate(let rule): return try optimizerUpdate(index, rule)
    }
  }

  // MARK: What all steps are made of

  /// A step that cannot fail.
  func step(_ index: Int, kernel: String = "", _ body: @escaping () -> Void)
    throws(LoweringError) -> [Step]
  {
    [Step(description: try stepDescription(index, kernel: kernel), run: body)]
  }

  /// A step of a kernel of oneDNN.
  func step(_ description: ProgramStep, _ primitive: Primitive) -> Step {
    Step(description: description) { () throws(LoweringError) in try primitive.run() }
  }

  /// What a node's kernel does. It reads or writes each of its operands and results once at least.
  func stepDescription(_ index: Int, kernel: String = "") throws(LoweringError) -> ProgramStep {
    let node = graph.nodes[index]
    let results = node.shapes.indices.map { Graph.Value(node: index, result: $0) }
    var byteCount = 0
    for value in node.inputs + results.filter(aliases.isRead) {
      byteCount += try layouts.description(of: value).byteCount
    }
    return ProgramStep(
      name: node.operation.name, kernel: kernel, node: index, shape: node.shapes[0],
      byteCount: byteCount, multiplicationCount: graph.multiplicationCount(of: index))
  }

  func address(_ value: Graph.Value) -> Address { memory.address(of: value) }

  /// Where a value begins that a kernel reads or writes as float32.
  func floats(_ value: Graph.Value) -> Address {
    precondition(
      layouts.storage(of: value).type == ck_float32,
      "\(value) is stored in bfloat16; its kernel works in float32.")
    return address(value)
  }

  /// A node's first result, as float32.
  func result(_ index: Int) -> Address { floats(.init(node: index)) }

  // MARK: Copies

  /// Where a copy is. If there is none yet, it is allocated, and `makeStep` is asked for the step that fills it:
  /// at this place of the run, since variables change only at its end, or before the runs if `isConstant`.
  mutating func copy(
    _ copy: Copy, byteCount: Int, isConstant: Bool = false, to steps: inout [Step],
    makeStep: (inout StepBuilder, Address) throws(LoweringError) -> Step
  ) throws(LoweringError) -> Address {
    if let block = copies[copy] { return memory.base(block) }
    let block = memory.allocate(byteCount)
    copies[copy] = block
    let step = try makeStep(&self, memory.base(block))
    if isConstant { preparations.append(step) } else { steps.append(step) }
    return memory.base(block)
  }

  /// One more block of memory for a single step.
  mutating func allocate(_ byteCount: Int) -> Address {
    let block = memory.allocate(byteCount)
    return memory.base(block)
  }

  // MARK: Constants and assignments

  private func constant(_ value: Float, _ index: Int) throws(LoweringError) -> [Step] {
    let at = result(index)
    return try step(index) { unsafe at.floats.pointee = value }
  }

  /// Copies the next values that could not be computed in their variable's own bytes.
  private func assignments() throws(LoweringError) -> [Step] {
    var steps: [Step] = []
    for assignment in graph.assignments
    where aliases.donors[aliases.root(assignment.value)] != assignment.variable {
      let byteCount = try layouts.description(of: assignment.value).byteCount
      let from = address(assignment.value)
      let to = address(.init(node: assignment.variable))
      let description = ProgramStep(
        name: "assign", node: assignment.variable, shape: graph.shape(of: assignment.value),
        byteCount: 2 * byteCount, multiplicationCount: 0)
      steps.append(
        Step(description: description) { () throws(LoweringError) in
          unsafe to.base.copyMemory(from: from.base, byteCount: byteCount)
        })
    }
    return steps
  }
}
