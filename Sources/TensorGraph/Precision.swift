/// The number format in which activations and the operands of convolutions are stored and multiplied.
///
/// Parameters, statistics, heads, loss and optimizer are float32 in either.
public enum Precision: String, Hashable, Sendable, Codable, CaseIterable {
  /// 32 bits throughout.
  case float32
  /// Activations, their gradients and the convolutions' operands in 16 bits: the exponent of float32 and 7
  /// bits of fraction. Sums are float32.
  case bfloat16

  /// Bytes of a number.
  public var byteCount: Int {
    switch self {
    case .float32: 4
    case .bfloat16: 2
    }
  }
}
