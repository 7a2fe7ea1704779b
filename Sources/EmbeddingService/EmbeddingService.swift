import Encoders
public import Images
import Synchronization
public import TensorGraph

/// What a caller asks of an embedding besides the pictures.
public struct EmbeddingOptions: Hashable, Sendable {
  /// Keeps the first components only.
  public var dimensions: Int?
  /// Brings vectors to length 1; after truncation.
  public var normalize = true
  /// Refuses another model than the one of this fingerprint.
  public var requiredFingerprint: String?

  /// All components, normalised, of any model.
  public init() {}
}

/// Vectors and where they come from.
public struct EmbeddingReply: Sendable {
  /// One vector a picture, in order.
  public var vectors: [[Float]]
  /// The digest of weights and preprocessing.
  public var fingerprint: String
  /// What was computed in; another precision gives other bits.
  public var precision: Precision
  /// The time between asking and the first picture's turn.
  public var queued: Duration
  /// The time of decoding, the sum over the pictures.
  public var decoded: Duration
  /// The time of computing, the sum over the pictures.
  public var computed: Duration
}

/// What a model is, for lists.
public struct EncoderFacts: Hashable, Sendable {
  /// Components of a representation.
  public var dimension: Int
  /// Side of the square that pictures are brought to, in pixels.
  public var inputSize: Int
  /// The digest of weights and preprocessing.
  public var fingerprint: String
  /// What is computed in; another precision gives other bits.
  public var precision: Precision
}

/// Keeps the models that were used last in memory and puts pictures through them.
///
/// Each model decodes and computes on some threads of its own, a picture at a time on each, so that a picture's bits never
/// depend on what else was asked for, and decoded pictures never pile up. A model that is taken out while it works finishes what it was
/// given: its weights live as long as a request holds it.
public final class EmbeddingService: Sendable {
  private struct State {
    var models: [(source: EncoderSource, encoder: EncoderWorkers)] = []  // last used last
    var waiting = 0
    var secondsPerPicture = 0.05
  }

  private let loader: EncoderLoader
  private let queueLimit: Int
  private let modelLimit: Int
  private let workerCount: Int
  private let state = Mutex(State())

  /// A service without models in memory.
  ///
  /// - Parameters:
  ///   - loader: What opens model files.
  ///   - queueLimit: Pictures that may wait or be computed at once.
  ///   - modelLimit: Models kept in memory.
  ///   - workerCount: Pictures of one model that are computed at once; each has the weights to itself.
  public init(
    loader: EncoderLoader, queueLimit: Int = 512, modelLimit: Int = 2, workerCount: Int = 1
  ) {
    precondition(queueLimit > 0 && modelLimit > 0, "\(queueLimit) and \(modelLimit)")
    self.workerCount = workerCount
    self.loader = loader
    self.queueLimit = queueLimit
    self.modelLimit = modelLimit
  }

  /// Pictures that wait or are being computed.
  public var waitingCount: Int { state.withLock { $0.waiting } }

  /// The vectors of some pictures of any format that `decode` reads, each within the limits.
  ///
  /// - Throws: `EmbeddingServiceError`; what the encoder throws.
  public func embed(
    _ pictures: [[UInt8]], limits: ImageLimits = .init(), with source: EncoderSource,
    options: EmbeddingOptions = .init()
  ) async throws -> EmbeddingReply {
    try admit(pictures.count)
    defer { state.withLock { $0.waiting -= pictures.count } }
    let asked = ContinuousClock.now
    let model = loaded(source)
    let facts = try await facts(of: source, model)
    try check(options, facts)
    let embedded = try await model.embed(pictures, limits: limits)
    let began = embedded.map(\.began).min() ?? asked
    let decoded = embedded.reduce(.zero) { $0 + $1.decoding }
    let computed = embedded.reduce(.zero) { $0 + $1.computing }
    record(pictures.count, decoded + computed)
    return EmbeddingReply(
      vectors: try finished(try vectors(of: embedded), options), fingerprint: facts.fingerprint,
      precision: facts.precision, queued: asked.duration(to: began), decoded: decoded,
      computed: computed)
  }

  /// What a model is; opens it if it is not in memory.
  ///
  /// - Throws: `EmbeddingServiceError.modelNotLoadable`.
  public func facts(of source: EncoderSource) async throws -> EncoderFacts {
    try await facts(of: source, loaded(source))
  }

  /// Whether the model is in memory; nothing is loaded.
  public func isLoaded(_ source: EncoderSource) -> Bool {
    state.withLock { $0.models.contains { $0.source == source } }
  }
}

// MARK: - Admission

extension EmbeddingService {
  private func admit(_ count: Int) throws(EmbeddingServiceError) {
    let refusal: EmbeddingServiceError? = state.withLock { state in
      guard state.waiting + count > queueLimit else {
        state.waiting += count
        return nil
      }
      let seconds = Double(state.waiting) * state.secondsPerPicture
      return .queueFull(limit: queueLimit, seconds: min(120, max(1, seconds)))
    }
    if let refusal { throw refusal }
  }

  private func check(
    _ options: EmbeddingOptions, _ facts: EncoderFacts
  ) throws(EmbeddingServiceError) {
    if let required = options.requiredFingerprint, required != facts.fingerprint {
      throw .fingerprintMismatch(required: required, actual: facts.fingerprint)
    }
    if let asked = options.dimensions, !(1...facts.dimension).contains(asked) {
      throw .dimensionsOutOfRange(asked: asked, largest: facts.dimension)
    }
  }

  /// Learns from the time that all workers together took for some pictures.
  private func record(_ count: Int, _ work: Duration) {
    guard count > 0 else { return }
    let seconds = work / .seconds(1) / Double(count * workerCount)
    state.withLock { $0.secondsPerPicture += (seconds - $0.secondsPerPicture) * 0.2 }
  }
}

// MARK: - Models

extension EmbeddingService {
  /// The model in memory, made if need be; the one used longest ago leaves.
  private func loaded(_ source: EncoderSource) -> EncoderWorkers {
    state.withLock { state in
      if let index = state.models.firstIndex(where: { $0.source == source }) {
        let model = state.models.remove(at: index)
        state.models.append(model)
        return model.encoder
      }
      let encoder = EncoderWorkers(source: source, loader: loader, count: workerCount)
      state.models.append((source, encoder))
      if state.models.count > modelLimit { state.models.removeFirst() }
      return encoder
    }
  }

  /// Opens a model; one that cannot be opened is forgotten, so that the next request tries again.
  private func facts(
    of source: EncoderSource, _ model: EncoderWorkers
  ) async throws(EmbeddingServiceError) -> EncoderFacts {
    do throws(EmbeddingServiceError) {
      return try await model.facts()
    } catch {
      state.withLock { state in state.models.removeAll { $0.encoder === model } }
      throw error
    }
  }
}

// MARK: - Vectors

private func vectors(of pictures: [EmbeddedPicture]) throws(EmbeddingServiceError) -> [[Float]] {
  var vectors: [[Float]] = []
  var failures: [Int: ImageError] = [:]
  for (index, picture) in pictures.enumerated() {
    switch picture.vector {
    case .success(let vector): vectors.append(vector)
    case .failure(let error): failures[index] = error
    }
  }
  if !failures.isEmpty { throw .notDecodable(failures) }
  return vectors
}

private func finished(
  _ vectors: [[Float]], _ options: EmbeddingOptions
) throws(EmbeddingServiceError) -> [[Float]] {
  var result: [[Float]] = []
  for (index, vector) in vectors.enumerated() {
    guard vector.allSatisfy(\.isFinite) else { throw .notFinite(index: index) }
    let kept = Array(vector.prefix(options.dimensions ?? vector.count))
    result.append(options.normalize ? normalized(kept) : kept)
  }
  return result
}
