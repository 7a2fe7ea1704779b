public import Encoders
public import Images
public import TensorGraph

/// Turns pictures into representations. Used by one thread only; need not be thread-safe.
public protocol PictureEncoder {
  /// Components of a representation.
  var dimension: Int { get }
  /// Side of the square that pictures are brought to, in pixels.
  var inputSize: Int { get }
  /// The representation of a picture, not normalised: `[dimension]`.
  ///
  /// - Throws: whatever keeps it from computing; the encoder can be used again.
  func embed(_ image: Raster) throws -> [Float]
}

extension EmbeddingEncoder: PictureEncoder {}

/// Where a model's weights are.
public struct EncoderSource: Hashable, Sendable {
  /// The name under which it was asked for, such as a run's id with `@` and a step.
  public var name: String
  /// The model file; files are never changed, only made and removed.
  public var modelFile: String

  /// A model file under a name.
  public init(name: String, modelFile: String) {
    self.name = name
    self.modelFile = modelFile
  }
}

/// What opens model files: the real encoder in the service, a fake one in tests.
public struct EncoderLoader: Sendable {
  /// Opens a model file. Called on the thread that will use the encoder.
  public var load: @Sendable (_ modelFile: String) throws -> any PictureEncoder
  /// The digest of the weights and of the preprocessing in a model file, in hexadecimal.
  public var fingerprint: @Sendable (_ modelFile: String) throws -> String
  /// What the encoders compute in.
  public var precision: Precision

  /// A loader of two functions.
  public init(
    precision: Precision = .float32,
    load: @escaping @Sendable (_ modelFile: String) throws -> any PictureEncoder,
    fingerprint: @escaping @Sendable (_ modelFile: String) throws -> String =
      modelFingerprint
  ) {
    self.precision = precision
    self.load = load
    self.fingerprint = fingerprint
  }
}

/// Why a picture could not be embedded, apart from the picture itself.
public enum EmbeddingServiceError: Error, Hashable, Sendable {
  /// More pictures wait than allowed; worth trying again after some seconds.
  case queueFull(limit: Int, seconds: Double)
  /// The model file cannot be used.
  case modelNotLoadable(name: String, reason: String)
  /// The caller requires other weights.
  case fingerprintMismatch(required: String, actual: String)
  /// More components were asked for than there are, or none.
  case dimensionsOutOfRange(asked: Int, largest: Int)
  /// Some pictures do not decode, by their places in the request.
  case notDecodable([Int: ImageError])
  /// The model gave infinities or NaN for a picture.
  case notFinite(index: Int)
}
