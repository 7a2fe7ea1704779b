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

/// One worker of a model: an actor on a thread of its own, which decodes and computes.
actor EncoderWorker {
  private let index: Int
  private let file: ModelFile
  private let loader: EncoderLoader
  private let budget: DecodingBudget
  private let executor = ThreadExecutor(name: "embeddings")
  private var opened: Result<OpenedModel, EmbeddingServiceError>?
  private var encoder: (any PictureEncoder)?

  nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  init(index: Int, file: ModelFile, loader: EncoderLoader, budget: DecodingBudget) {
    self.index = index
    self.file = file
    self.loader = loader
    self.budget = budget
  }

  /// Opens the model file; callers that come while it is being opened get the same answer.
  ///
  /// - Throws: `EmbeddingServiceError.modelNotLoadable`.
  func open() throws(EmbeddingServiceError) -> OpenedModel {
    if let opened { return try opened.get() }
    let result = Result { () throws(EmbeddingServiceError) in
      try naming { try loader.open(file.path) }
    }
    opened = result
    return try result.get()
  }

  /// Computes pictures until none waits. One call at a time: the pool starts a worker only where it is idle.
  func work(for pool: EncoderPool, with model: OpenedModel) {
    while let waiting = pool.next(for: index) {
      waiting.reply.resume(
        with: Result {
          let encoder = try encoder ?? compile(model, in: pool)
          self.encoder = encoder
          return try embed(waiting.picture, waiting.limits, encoder)
        })
    }
  }

  private func compile(
    _ model: OpenedModel, in pool: EncoderPool
  ) throws -> any PictureEncoder {
    let encoder = try naming { try model.makeEncoder() }
    pool.compiled(encoder.byteCount)
    return encoder
  }

  /// The representation of a picture. It is decoded here and now, so that no more pictures are in memory decoded than
  /// there are workers, however many wait.
  private func embed(
    _ picture: [UInt8], _ limits: ImageLimits, _ encoder: any PictureEncoder
  ) throws -> EmbeddedPicture {
    let began = ContinuousClock.now
    do {
      return try budget.decoded(picture, limits: limits) { image in
        let decoded = ContinuousClock.now
        let vector = try encoder.embed(image)
        return EmbeddedPicture(
          vector: .success(vector), began: began, decoding: began.duration(to: decoded),
          computing: decoded.duration(to: .now))
      }
    } catch let error as ImageError {
      return EmbeddedPicture(
        vector: .failure(error), began: began, decoding: began.duration(to: .now), computing: .zero)
    }
  }

  private func naming<Value>(_ body: () throws -> Value) throws(EmbeddingServiceError) -> Value {
    do {
      return try body()
    } catch {
      throw .modelNotLoadable(name: file.name, reason: "\(error)")
    }
  }
}
