public import TensorGraph
import Tensors

/// A network while it is recorded: its name, its mode, its parameters in the order of their first use,
/// and the running statistics as they stand.
///
/// The same scope records a network several times, once per view: the parameters are the same variables,
/// and the statistics move on with each pass. A reference type, since all modules of the network add to it.
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
  /// Begins the names of its variables, such as `online`; empty where there is only one network.
  public let name: String
  /// Training or inference.
  public let mode: Mode
  /// All parameters recorded so far, statistics included.
  public private(set) var parameters: [Parameter] = []
  private var known: [String: Parameter] = [:]
  private var statistics: [String: Tensor] = [:]

  /// A scope without parameters.
  public init(_ recorder: Recorder, name: String, mode: Mode) {
    self.recorder = recorder
    self.name = name
    self.mode = mode
  }

  /// The part of the network of that name, such as `encoder`.
  public func module(_ name: String) -> Module { Module(network: self, name: name, path: "") }

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
}

/// A part of a network while it is recorded: what layers add their parameters to.
///
/// Modules nest: `encoder`, in it `layer1.0`, in it `conv1`. The names are PyTorch's.
public struct Module {
  /// The network it is a part of.
  public let network: NetworkScope
  /// The outermost module's name, such as `encoder`.
  let name: String
  /// The names of the modules between it and this one, each followed by a dot.
  let path: String

  /// A module within this one.
  public func module(_ name: String) -> Module {
    Module(network: network, name: self.name, path: path + name + ".")
  }

  /// The variable of a parameter.
  func variable(
    _ name: String, _ shape: Shape, _ initializer: Initializer, _ role: Parameter.Role
  ) -> Tensor {
    network.variable(
      Parameter(
        network: network.name, module: self.name, path: path + name, shape: shape,
        initializer: initializer, role: role))
  }

  /// A running statistic as it stands after the passes so far.
  func statistic(_ name: String, _ shape: Shape, startingAt value: Float) -> Tensor {
    let variable = variable(name, shape, .constant(value), .statistic)
    return network.statistic(fullName(name)) ?? variable
  }

  /// Moves a running statistic.
  func setStatistic(_ name: String, _ tensor: Tensor) {
    network.setStatistic(fullName(name), tensor)
  }

  private func fullName(_ name: String) -> String {
    Parameter.name(network: network.name, module: self.name, path: path + name)
  }
}

extension NetworkScope {
  fileprivate func variable(_ parameter: Parameter) -> Tensor {
    if let earlier = known[parameter.name] {
      precondition(earlier == parameter, "\(parameter) was recorded before as \(earlier).")
    } else {
      known[parameter.name] = parameter
      parameters.append(parameter)
    }
    return recorder.variable(parameter.name, parameter.shape)
  }

  fileprivate func statistic(_ name: String) -> Tensor? { statistics[name] }

  fileprivate func setStatistic(_ name: String, _ tensor: Tensor) { statistics[name] = tensor }
}
