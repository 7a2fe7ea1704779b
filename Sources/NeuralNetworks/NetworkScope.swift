public import TensorGraph
import Tensors

/// A network while it is recorded: its prefix, its mode, its parameters in the order of their first use,
/// and the running statistics as they stand.
///
/// The same scope records a network several times, once a view: the parameters are the same variables,
/// and the statistics move on with each pass.
public final class NetworkScope {
  /// Whether batch normalisation uses the batch's own statistics, and follows them, or given ones.
  public enum Mode: Sendable {
    /// The batch's own mean and variance; the running ones move toward them.
    case training
    /// The running mean and variance, which stay.
    case inference
  }

  /// ε of batch normalisation.
  public static let epsilon: Float = 1e-5
  /// How far a running statistic moves toward the batch's, per pass (1 − decay).
  public static let statisticsRate: Float = 0.1

  /// Records the network's nodes.
  public let recorder: Recorder
  /// Begins every name, such as `online.`.
  public let prefix: String
  /// Training or inference.
  public let mode: Mode
  /// All parameters recorded so far, statistics included.
  public private(set) var parameters: [Parameter] = []
  private var known: Set<String> = []
  private var statistics: [String: Tensor] = [:]

  /// A scope without parameters.
  public init(_ recorder: Recorder, prefix: String, mode: Mode) {
    self.recorder = recorder
    self.prefix = prefix
    self.mode = mode
  }

  /// The parameters that are learned, with their variables.
  public var learned: [(parameter: Parameter, variable: Tensor)] {
    parameters.filter { $0.role != .statistic }.map {
      ($0, recorder.variable($0.name, $0.shape))
    }
  }

  /// Assigns the statistics as they stand after all passes.
  public func assignStatistics() {
    for parameter in parameters where parameter.role == .statistic {
      guard let tensor = statistics[parameter.name] else { continue }
      recorder.assign(tensor, to: recorder.variable(parameter.name, parameter.shape))
    }
  }

  /// The variable of a parameter.
  func variable(
    _ name: String, _ shape: Shape, _ initializer: Initializer, _ role: Parameter.Role
  ) -> Tensor {
    let full = prefix + name
    if known.insert(full).inserted {
      parameters.append(
        Parameter(name: full, shape: shape, initializer: initializer, role: role))
    }
    return recorder.variable(full, shape)
  }

  /// A running statistic as it stands.
  func statistic(_ name: String, _ shape: Shape, startingAt value: Float) -> Tensor {
    let variable = variable(name, shape, .constant(value), .statistic)
    return statistics[prefix + name] ?? variable
  }

  /// Moves a running statistic.
  func setStatistic(_ name: String, _ tensor: Tensor) { statistics[prefix + name] = tensor }
}
