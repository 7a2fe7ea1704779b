/// Why a computation has no ONNX file.
public enum ONNXError: Error, Hashable, Sendable, CustomStringConvertible {
  /// An operation of the graph has no counterpart here.
  case unsupported(operation: String)
  /// The file would have more bytes than a message of Protocol Buffers may.
  case tooLarge(byteCount: Int, limit: Int)

  /// One sentence.
  public var description: String {
    switch self {
    case .unsupported(let operation): "The operation \(operation) is not exported to ONNX."
    case .tooLarge(let byteCount, let limit):
      "The ONNX file would have \(byteCount) bytes; a file of this format has at most \(limit)."
    }
  }
}
