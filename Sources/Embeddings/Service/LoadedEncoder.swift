import Images

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

  /// The representation of a picture, and when computing began.
  ///
  /// - Throws: `EmbeddingServiceError`; whatever the encoder throws.
  func embed(_ image: RGBImage) throws -> (vector: [Float], began: ContinuousClock.Instant) {
    let encoder = try open().encoder
    let began = ContinuousClock.now
    return (try encoder.embed(image), began)
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
