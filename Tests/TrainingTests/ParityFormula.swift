import Tensors

/// The deterministic formula behind the parity fixture's weights and pictures.
///
/// `Fixtures/make_parity.py` holds the same lines in Python and explains them.
enum ParityFormula {
  /// FNV-1a, 64 bits, of the name's UTF-8 bytes.
  static func key(_ name: String) -> UInt64 {
    name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }

  /// The `index`-th output of SplitMix64 seeded with `key`.
  @inline(__always)
  static func word(_ key: UInt64, _ index: Int) -> UInt64 {
    var z = key &+ UInt64(truncatingIfNeeded: index &+ 1) &* 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z &>> 31)
  }

  /// Uniform in `-1 ..< 1`, from the top 24 bits.
  @inline(__always)
  static func uniform(_ word: UInt64) -> Double {
    Double(Int64(truncatingIfNeeded: word &>> 40)) * 0x1p-23 - 1
  }

  /// The values of a parameter or statistic.
  static func values(of parameter: ParityParameter) -> NamedTensor {
    let shape = Shape(parameter.shape)
    let (center, scale) = (parameter.center, parameter.scale)
    let (key, count) = (key(parameter.name), shape.elementCount)
    let signed = parameter.kind == .signed
    let values = unsafe [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      var i = 0
      while i < count {
        let w = word(key, i)
        let value = center + scale * uniform(w)
        unsafe buffer[i] = Float(signed && w & 3 == 0 ? -value : value)
        i &+= 1
      }
      initialized = count
    }
    return NamedTensor(name: parameter.name, shape: shape, values: values)
  }

  /// Pictures `[batch, 3, side, side]`: a tone a picture and channel, squares of 8 pixels, noise.
  static func pictures(named name: String, batch: Int, side: Int) -> NamedTensor {
    let (fine, coarse, tone) = (key(name + ".fine"), key(name + ".coarse"), key(name + ".tone"))
    let (count, squares) = (batch * 3 * side * side, side / 8)
    let values = (0..<count).map { i -> Float in
      let (plane, y, x) = (i / (side * side), i / side % side, i % side)
      let square = (plane * squares + y / 8) * squares + x / 8
      let texture = 0.5 * uniform(word(fine, i)) + 0.5 * uniform(word(coarse, square))
      return Float(texture + uniform(word(tone, plane)))
    }
    return NamedTensor(name: name, shape: [batch, 3, side, side], values: values)
  }
}
