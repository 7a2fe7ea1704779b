public import Encoders
public import Images
public import TensorGraph

/// Turns pictures into representations. Used by one thread only; need not be thread-safe.
public protocol PictureEncoder {
  /// The representation of a picture, not normalised: `[dimension]`.
  ///
  /// - Throws: whatever keeps it from computing; the encoder can be used again.
  func embed(_ image: Raster) throws -> [Float]
  /// The memory that it holds, in bytes.
  var byteCount: Int { get }
}

extension EmbeddingEncoder: PictureEncoder {}

/// Where a model's weights are.
public struct ModelFile: Hashable, Sendable {
  /// The name under which errors speak of it, such as a run's id with `@` and a step.
  public var name: String
  /// The file's path; model files are never changed, only made and removed.
  public var path: String

  /// A model file under a name.
  public init(name: String, path: String) {
    self.name = name
    self.path = path
  }
}

/// A model file that was read and verified once: what is known of it, and what every worker's encoder is compiled from.
///
/// The weights are immutable and shared; each encoder has a copy of its own in the layout of its kernels.
public struct OpenedModel: Sendable {
  /// Components of a representation.
  public var dimension: Int
  /// Side of the square that pictures are brought to, in pixels.
  public var inputSize: Int
  /// How a picture is brought to what the encoder sees.
  public var preprocessing: EvaluationTransform
  /// The digest of weights and preprocessing, in hexadecimal.
  public var fingerprint: String
  /// The memory of the weights that all encoders share, in bytes.
  public var weightByteCount: Int
  /// What is computed in; another precision gives other bits.
  public var precision: Precision
  /// Compiles an encoder. Called on the thread that will use it.
  public var makeEncoder: @Sendable () throws -> any PictureEncoder

  /// A model of its parts; without a `preprocessing` the usual one of its side.
  public init(
    dimension: Int, inputSize: Int, preprocessing: EvaluationTransform? = nil,
    fingerprint: String, precision: Precision, weightByteCount: Int = 0,
    makeEncoder: @escaping @Sendable () throws -> any PictureEncoder
  ) {
    self.dimension = dimension
    self.inputSize = inputSize
    self.preprocessing = preprocessing ?? EvaluationTransform(side: inputSize)
    self.fingerprint = fingerprint
    self.precision = precision
    self.weightByteCount = weightByteCount
    self.makeEncoder = makeEncoder
  }

  /// Reads a model file, whose encoders `lowering` will compile to compute in `precision`.
  ///
  /// - Throws: `CheckpointError` if the file does not read back, `EncoderModelError` if it is no model.
  public init(reading path: String, precision: Precision, lowering: any Lowering) throws {
    let (model, fingerprint) = try EncoderModel.withFingerprint(reading: path)
    self.init(
      dimension: model.dimension, inputSize: model.imageSize,
      preprocessing: EvaluationTransform(
        side: model.imageSize, normalization: model.normalization),
      fingerprint: fingerprint, precision: precision, weightByteCount: model.weightByteCount
    ) {
      try EmbeddingEncoder(model, lowering: lowering)
    }
  }
}

/// What opens model files: the real thing in the service, a fake one in tests.
public struct EncoderLoader: Sendable {
  /// Opens a model file, on one of the model's threads. What it throws is told as `EmbeddingServiceError.modelNotLoadable`.
  public var open: @Sendable (_ path: String) throws -> OpenedModel

  /// A loader of its function.
  public init(open: @escaping @Sendable (_ path: String) throws -> OpenedModel) {
    self.open = open
  }
}
