/// A float32 tensor on the host with its public name: what checkpoints hold and parity tests compare.
///
/// Values are in row-major order of `shape`; convolution weights are `[out, in, height, width]`.
public struct NamedTensor: Sendable, Equatable {
  /// The public name, such as `online.encoder.layer1.0.conv1.weight`.
  public var name: String
  /// The public shape.
  public var shape: Shape
  /// `shape.elementCount` values, row-major.
  public var values: [Float]

  /// A named tensor; `values` must hold exactly `shape.elementCount` elements.
  public init(name: String, shape: Shape, values: [Float]) {
    precondition(
      values.count == shape.elementCount,
      "\(name): \(values.count) values for shape \(shape) of \(shape.elementCount) elements.")
    self.name = name
    self.shape = shape
    self.values = values
  }

  /// Whether no value is infinite or not a number.
  public var isFinite: Bool { values.allSatisfy(\.isFinite) }
}
