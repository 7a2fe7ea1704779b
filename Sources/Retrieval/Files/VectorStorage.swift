/// How the components of an index's vectors are stored.
public enum VectorStorage: String, Codable, CaseIterable, Sendable {
  /// Four bytes each: what the model gave, scaled to length 1.
  case float32
  /// Two bytes each (IEEE 754 binary16), rounded to nearest, ties to even. Rounding changes a vector's length by a part of
  /// 2⁻¹¹ at most; it is scaled to length 1 again when it is read.
  case float16

  /// Bytes of a component.
  public var byteCount: Int { self == .float32 ? 4 : 2 }
  /// The type as NumPy names it.
  var numpyName: String { self == .float32 ? "<f4" : "<f2" }
}
