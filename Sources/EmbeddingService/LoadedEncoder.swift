import Images
import Threads

/// A picture's representation and what it took.
struct EmbeddedPicture: Sendable {
  /// The representation, or why the picture does not decode or does not fit the model.
  var vector: Result<[Float], ImageError>
  /// When a worker took it up.
  var began: ContinuousClock.Instant
  /// The time of decoding.
  var decoding: Duration
  /// The time of computing.
  var computing: Duration
}

/// One worker of a model: an actor on a thread of its own, which opens the file, then computes.
actor LoadedEncoder {
  private let executor: ThreadExecutor
  private let source: EncoderSource
  private let loader: EncoderLoader
  private var opened:
    Result<(encoder: any PictureEncoder, facts: EncoderFacts), EmbeddingServiceError>?

  nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  init(source: EncoderSource, loader: EncoderLoader) {
    self.source = source
    self.loader = loader
    executor = ThreadExecutor(name: "embeddings")
  }

  /// Opens the file if it is not open.
  ///
  /// - Throws: `EmbeddingServiceError.modelNotLoadable`.
  func facts() throws(EmbeddingServiceError) -> EncoderFacts { try open().facts }

  /// The representation of a picture of any format that `decode` reads. It is decoded here and now, so that of all the
  /// pictures that wait no more are in memory decoded than there are workers.
  ///
  /// - Throws: `EmbeddingServiceError`; whatever the encoder throws.
  func embed(_ picture: [UInt8], limits: ImageLimits) throws -> EmbeddedPicture {
    let encoder = try open().encoder
    let began = ContinuousClock.now
    do {
      let image = try decode(picture, limits: limits)
      let decoded = ContinuousClock.now
      let vector = try encoder.embed(image)
      return EmbeddedPicture(
        vector: .success(vector), began: began, decoding: began.duration(to: decoded),
        computing: decoded.duration(to: .now))
    } catch let error as ImageError {
      return EmbeddedPicture(
        vector: .failure(error), began: began, decoding: began.duration(to: .now), computing: .zero)
    }
  }

  private func open() throws(EmbeddingServiceError) -> (
    encoder: any PictureEncoder, facts: EncoderFacts
  ) {
    if let opened { return try opened.get() }
    let result = load()
    opened = result
    return try result.get()
  }

  private func load() -> Result<
    (encoder: any PictureEncoder, facts: EncoderFacts), EmbeddingServiceError
  > {
    do {
      let fingerprint = try loader.fingerprint(source.modelFile)
      let encoder = try loader.load(source.modelFile)
      let facts = EncoderFacts(
        dimension: encoder.dimension, inputSize: encoder.inputSize, fingerprint: fingerprint,
        precision: loader.precision)
      return .success((encoder, facts))
    } catch {
      return .failure(.modelNotLoadable(name: source.name, reason: "\(error)"))
    }
  }
}
