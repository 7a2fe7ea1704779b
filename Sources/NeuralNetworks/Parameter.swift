public import Randomness
public import Tensors

/// The distribution from which a parameter's first values are drawn.
public enum Initializer: Hashable, Sendable {
  /// The same value everywhere.
  case constant(Float)
  /// Normal with mean 0 and the given deviation.
  case normal(deviation: Float)
  /// Uniform in ±bound.
  case uniform(bound: Float)

  /// Convolutions, as torchvision starts them: normal with deviation √(2 / (out·kh·kw)) (He et al. 2015,
  /// arXiv 1502.01852, with fan-out).
  static func convolution(_ shape: Shape) -> Initializer {
    .normal(deviation: (2 / Float(shape[0] * shape[2] * shape[3])).squareRoot())
  }

  /// Linear layers, weights and biases, as PyTorch starts them: uniform in ±1/√in.
  static func linear(inputs: Int) -> Initializer {
    .uniform(bound: 1 / Float(inputs).squareRoot())
  }

  /// `count` values from `stream`.
  public func values(_ count: Int, from stream: inout RandomStream) -> [Float] {
    switch self {
    case .constant(let value): .init(repeating: value, count: count)
    case .normal(let deviation): (0..<count).map { _ in stream.normal() * deviation }
    case .uniform(let bound): (0..<count).map { _ in stream.uniform(in: -bound...bound) }
    }
  }
}

/// A variable of a network that is learned or, for running statistics, followed.
public struct Parameter: Hashable, Sendable {
  /// What it is to the optimizer.
  public enum Role: Hashable, Sendable {
    /// A weight of a convolution or linear layer.
    case weight
    /// A bias, or a scale or offset of batch normalisation: neither decayed nor adapted by LARS.
    case biasOrNormalization
    /// A running mean or variance: no gradient.
    case statistic
  }

  /// The network it belongs to, such as `online`; empty where there is only one.
  public var network: String
  /// The part of the network, such as `encoder` or `projector`.
  public var module: String
  /// The name within the module, which is PyTorch's: `layer1.0.conv1.weight`.
  public var path: String
  /// The public shape.
  public var shape: Shape
  /// Its first values.
  public var initializer: Initializer
  /// What it is to the optimizer.
  public var role: Role

  /// A parameter.
  public init(
    network: String, module: String, path: String, shape: Shape, initializer: Initializer,
    role: Role
  ) {
    self.network = network
    self.module = module
    self.path = path
    self.shape = shape
    self.initializer = initializer
    self.role = role
  }
}

extension Parameter {
  /// The variable's name: network, module and path with dots between, such as `online.encoder.conv1.weight`.
  public var name: String { Parameter.name(network: network, module: module, path: path) }

  /// The name of the variable at a path of a module of a network; an empty network's name is left out.
  static func name(network: String, module: String, path: String) -> String {
    network.isEmpty ? "\(module).\(path)" : "\(network).\(module).\(path)"
  }

  /// The variable that an optimizer keeps beside it: of the same shape, 0 before the first update.
  ///
  /// It is named `<slot>.<module>.<path>`, such as `velocity.encoder.conv1.weight`: one network of an update is learned.
  public func slot(_ name: String) -> Parameter {
    Parameter(
      network: name, module: module, path: path, shape: shape, initializer: .constant(0),
      role: .statistic)
  }
}
