import Images

/// One model in memory: an actor on a thread of its own, which opens the file, then computes.
actor LoadedEncoder {
  /// What is known of a model once it is open.
  struct Facts: Sendable {
    var dimension: Int
    var inputSize: Int
    var fingerprint: String
  }

  private let executor: ThreadExecutor
  private let source: EncoderSource
  private let loader: EncoderLoader
  private var opened: Result<(encoder: any PictureEncoder, facts: Facts), EmbeddingServiceError>?

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
  func facts() throws(EmbeddingServiceError) -> Facts { try open().facts }

  /// The representations of some pictures, and when computing began.
  ///
  /// - Throws: `EmbeddingServiceError`; whatever the encoder throws.
  func embed(_ images: [RGBImage]) throws -> (vectors: [[Float]], began: ContinuousClock.Instant) {
    let encoder = try open().encoder
    let began = ContinuousClock.now
    return (try images.map { try encoder.embed($0) }, began)
  }

  private func open() throws(EmbeddingServiceError) -> (encoder: any PictureEncoder, facts: Facts) {
    if let opened { return try opened.get() }
    let result = load()
    opened = result
    return try result.get()
  }

  private func load() -> Result<
    (encoder: any PictureEncoder, facts: Facts), EmbeddingServiceError
  > {
    do {
      let fingerprint = try loader.fingerprint(source.modelFile)
      let encoder = try loader.load(source.modelFile)
      let facts = Facts(
        dimension: encoder.dimension, inputSize: encoder.inputSize, fingerprint: fingerprint)
      return .success((encoder, facts))
    } catch {
      return .failure(.modelNotLoadable(name: source.name, reason: "\(error)"))
    }
  }
}
