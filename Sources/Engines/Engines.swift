import OneDNNLowering
import ReferenceLowering
public import TensorGraph

/// The engines of this build. To add one, write its lowering in a target of its own and add a line to `all`: the
/// command line, the service and the conformance tests take it from here.
public enum Engines {
  /// All of them; the first is the one that is taken if none is named.
  public static var all: [Engine] { [oneDNN, reference] }

  /// oneDNN and our own kernels on this machine's processors.
  public static var oneDNN: Engine {
    Engine(
      name: "onednn",
      precisions: OneDNNLowering.bestPrecision == .bfloat16 ? [.bfloat16, .float32] : [.float32]
    ) { settings in
      OneDNNLowering(
        threads: settings.threads, precision: settings.precision,
        memoryLimitByteCount: settings.memoryLimitByteCount)
    }
  }

  /// Plain loops in double precision on one thread: for comparisons of small graphs. It plans no memory, so no limit
  /// of memory holds.
  public static let reference = Engine(name: "reference", precisions: [.float32]) { _ in
    ReferenceLowering()
  }

  /// The families of processors that the process may be limited to, by name.
  public static let processors = ProcessorFamily.allCases.map(\.rawValue)

  /// The family that this process computes for, by name.
  public static var processor: String { ProcessorFamily.current.rawValue }

  /// The extensions of the processor that the kernels of that family are compiled with.
  public static var processorFeatures: [String] { ProcessorFamily.current.features }

  /// The version of oneDNN.
  public static var oneDNNVersion: String { OneDNNLowering.libraryVersion }

  /// Makes the process compute as on a processor of a lower family; see `ProcessorFamily.limitProcess()`. The precisions of the
  /// engines are those of that family from then on.
  ///
  /// - Throws: `unsupported` for a name that is none of `processors`, or where oneDNN has been used already.
  public static func limitProcess(to processor: String) throws(LoweringError) {
    guard let family = ProcessorFamily(rawValue: processor) else {
      throw .unsupported("the processor \(processor)")
    }
    try family.limitProcess()
  }

  /// The engine of that name, if there is one.
  public static func named(_ name: String) -> Engine? { all.first { $0.name == name } }
}
