/// The head of a NumPy file of version 1.0 with a matrix of little-endian numbers, rows one after the other.
///
/// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
public enum NPY {
  /// Bytes of the head that `header` makes: room for any number of rows, and a multiple of a cache line, so that the
  /// numbers behind it are aligned.
  public static let headerByteCount = 128

  /// The head of a matrix `[rows, columns]`, of `headerByteCount` bytes.
  public static func header(
    rows: Int, columns: Int, storage: VectorStorage = .float32
  ) -> [UInt8] {
    let type = storage.numpyName
    let text = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(rows), \(columns)), }"
    let length = headerByteCount - 10
    let padding = String(repeating: " ", count: length - text.utf8.count - 1)
    let magic: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]
    return magic + [UInt8(length & 0xFF), UInt8(length >> 8)] + Array((text + padding + "\n").utf8)
  }
}
