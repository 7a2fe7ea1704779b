import CKernels
public import TensorGraph
public import Tensors

/// The fast lowering: oneDNN's convolutions and our vectorised loops, one layout through the whole network,
/// every buffer planned at compilation.
public struct OneDNNLowering: Lowering {
  /// bfloat16 where the processor multiplies it, else float32.
  public static var bestPrecision: Precision {
    // The convolutions that no kernel of ours computes are oneDNN's, which for arm64 has none of bfloat16 without ARM's own
    // library. So there it is float32, though CKernels has bfloat16.
    #if arch(x86_64)
      return ck_has_bfloat16() ? .bfloat16 : .float32
    #else
      return .float32
    #endif
  }

  /// The threads that the program uses.
  public var threads: ThreadBudget
  /// How activations are stored and multiplied.
  public var precision: Precision
  /// The most bytes that a program may hold.
  public var memoryLimitByteCount: Int

  /// A lowering with the given budgets.
  public init(
    threads: ThreadBudget, precision: Precision = .float32, memoryLimitByteCount: Int = .max
  ) {
    self.threads = threads
    self.precision = precision
    self.memoryLimitByteCount = memoryLimitByteCount
  }

  /// The same budgets in float32.
  public var inFloat32: any Lowering {
    OneDNNLowering(
      threads: threads, precision: .float32, memoryLimitByteCount: memoryLimitByteCount)
  }

  /// Runs the stages: layouts and kernels, aliases, offsets in memory, steps. Each is a value made from those before it.
  ///
  /// - Throws: `outOfMemory` if the plan exceeds the limit, before anything is allocated; `unsupported` if
  ///   the processor does not multiply the precision; `unsupported` or `executionFailed` if oneDNN refuses
  ///   an operation.
  public func compile(_ graph: Graph) throws(LoweringError) -> any Program {
    guard precision == .float32 || OneDNNLowering.bestPrecision == .bfloat16 else {
      throw .unsupported("bfloat16, which this processor does not multiply")
    }
    ck_set_threads(Int32(threads.count))
    let engine = try Engine()
    let readers = graph.readers
    let layouts = try Layouts(graph, readers: readers, precision: precision, engine: engine)
    let aliases = Aliases(graph, readers: readers)
    let plan = try MemoryPlan(graph, aliases) { value throws(LoweringError) in
      try layouts.description(of: value).byteCount
    }
    guard plan.byteCount <= memoryLimitByteCount else {
      throw .outOfMemory(
        neededByteCount: plan.byteCount, limitByteCount: memoryLimitByteCount)
    }
    let memory = try ProgramMemory(graph, layouts, aliases, plan, threads: threads)
    var builder = StepBuilder(graph, layouts, aliases, memory, engine)
    let steps = try builder.steps()
    return try OneDNNProgram(
      graph, layouts, plan, builder.memory, engine: engine, threads: threads,
      preparations: builder.preparations, steps: steps)
  }
}
