public import Images

/// Why a picture could not be embedded.
public enum EmbeddingServiceError: Error, Hashable, Sendable {
  /// More pictures wait than allowed; worth trying again after some seconds.
  case queueFull(limit: Int, seconds: Double)
  /// The pictures that wait have more bytes than allowed; worth trying again after some seconds.
  case queueHoldsTooManyBytes(limit: Int, seconds: Double)
  /// The model file cannot be used.
  case modelNotLoadable(name: String, reason: String)
  /// The caller requires other weights.
  case fingerprintMismatch(required: String, actual: String)
  /// More components were asked for than there are, or none.
  case dimensionsOutOfRange(asked: Int, largest: Int)
  /// Some pictures do not decode, by their indices in the request.
  case notDecodable([Int: ImageError])
  /// The model gave infinities or NaN for a picture.
  case notFinite(index: Int)
}
