import OneDNNLowering
import ReferenceLowering
public import TensorGraph

/// The engines of this build. To add one, write its lowering in a target of its own and add a line to `all`: the
/// command line, the service and the conformance tests take it from here.
public enum Engines {
  /// All of them; the first is the one that is taken if none is named.
  public static let all: [Engine] = [oneDNN, reference]

  /// oneDNN and our own kernels on this machine's processors.
  public static let oneDNN = Engine(
    name: "onednn",
    precisions: OneDNNLowering.bestPrecision == .bfloat16 ? [.bfloat16, .float32] : [.float32]
  ) { settings in
    OneDNNLowering(
      threads: settings.threads, precision: settings.precision,
      memoryLimitByteCount: settings.memoryLimitByteCount)
  }

  /// Plain loops in double precision on one thread: for comparisons of small graphs. It plans no memory, so no limit
  /// of memory holds.
  public static let reference = Engine(name: "reference", precisions: [.float32]) { _ in
    ReferenceLowering()
  }

  /// The engine of that name, if there is one.
  public static func named(_ name: String) -> Engine? { all.first { $0.name == name } }
}
