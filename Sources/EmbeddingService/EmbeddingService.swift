public import Images
import Synchronization
public import TensorGraph
import Tensors

/// What a caller asks of an embedding besides the pictures.
public struct EmbeddingOptions: Hashable, Sendable {
  /// Keeps the first components only.
  public var dimensions: Int?
  /// Brings vectors to length 1; after truncation.
  public var normalize = true
  /// Answers the other pictures where some do not decode; otherwise, and where none does, the request fails.
  public var keepsWhatDecodes = false
  /// Refuses another model than the one of this fingerprint.
  public var requiredFingerprint: String?

  /// All components, normalised, of any model.
  public init() {}
}

/// Vectors and where they come from.
public struct EmbeddingReply: Sendable {
  /// One vector per picture, in order; empty for those that failed.
  public var vectors: [[Float]]
  /// Pictures that do not decode, by their indices in the request.
  public var failures: [Int: ImageError] = [:]
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

/// What may wait and be in memory at once, over all models.
public struct EmbeddingQueueLimits: Sendable {
  /// Pictures that may wait or be computed at once.
  public var pictures = 512
  /// Bytes of the encoded pictures that may wait or be computed at once.
  public var byteCount = 256 << 20
  /// Bytes of pictures that are decoded at once; a picture that needs more is decoded alone.
  public var decodingByteCount = 512 << 20
  /// Models kept in memory at most.
  public var models = 16
  /// The memory of the models that are kept, in bytes: their weights and their compiled encoders. One that needs more is kept alone.
  public var modelByteCount = 1 << 30

  /// The defaults.
  public init() {}
}

/// Keeps the models that were used last in memory and puts pictures through them.
///
/// Each model decodes and computes on some threads of its own, a picture at a time on each, so that a picture's bits
/// never depend on what else was asked for. A model that leaves memory while it works finishes what it was
/// given: its weights live as long as a request holds it.
public final class EmbeddingService: Sendable {
  private struct State {
    // Last used last.
    var models: [(file: ModelFile, pool: EncoderPool, usedAt: ContinuousClock.Instant)] = []
    var waiting = 0
    var waitingByteCount = 0
    var secondsPerPicture = 0.05
  }

  private let loader: EncoderLoader
  /// What may wait and be in memory.
  public let limits: EmbeddingQueueLimits
  private let workerCount: Int
  private let budget: DecodingBudget
  private let state = Mutex(State())

  /// A service without models in memory.
  ///
  /// - Parameters:
  ///   - loader: What opens model files.
  ///   - limits: What may wait and be in memory.
  ///   - workerCount: Pictures of one model that are computed at once; each worker has a copy of the weights.
  public init(
    loader: EncoderLoader, limits: EmbeddingQueueLimits = .init(), workerCount: Int = 1
  ) {
    let sizes = [limits.pictures, limits.byteCount, limits.models, limits.modelByteCount]
    precondition(sizes.allSatisfy { $0 > 0 }, "\(limits)")
    self.workerCount = workerCount
    self.loader = loader
    self.limits = limits
    budget = DecodingBudget(limit: limits.decodingByteCount)
  }

  /// Pictures that wait or are being computed.
  public var waitingCount: Int { state.withLock { $0.waiting } }

  /// The vectors of some pictures of any format that `decode` reads, each within the limits.
  ///
  /// Where the calling task is cancelled, pictures that wait are dropped before they are computed.
  ///
  /// - Throws: `EmbeddingServiceError`; `CancellationError`; what the encoder throws.
  public func embed(
    _ pictures: [[UInt8]], limits: ImageLimits = .init(), with file: ModelFile,
    options: EmbeddingOptions = .init()
  ) async throws -> EmbeddingReply {
    let byteCount = pictures.reduce(0) { $0 + $1.count }
    try enterQueue(pictures.count, byteCount)
    defer { leaveQueue(pictures.count, byteCount) }
    let asked = ContinuousClock.now
    let pool = pool(of: file)
    let model = try await forgetting(pool) { try await pool.model() }
    try check(options, model)
    let embedded = try await forgetting(pool) {
      try await pool.embed(pictures, limits: limits, with: model)
    }
    // Workers compile at their first picture: only now is it known what the model takes.
    makeRoom(for: pool)
    let began = embedded.map(\.began).min() ?? asked
    let decoded = embedded.reduce(.zero) { $0 + $1.decoding }
    let computed = embedded.reduce(.zero) { $0 + $1.computing }
    record(pictures.count, decoded + computed)
    let (vectors, failures) = divided(embedded)
    if !failures.isEmpty, !options.keepsWhatDecodes || failures.count == pictures.count {
      throw EmbeddingServiceError.notDecodable(failures)
    }
    return EmbeddingReply(
      vectors: try finished(vectors, options), failures: failures, fingerprint: model.fingerprint,
      precision: model.precision, queued: asked.duration(to: began), decoded: decoded,
      computed: computed)
  }

  /// What a model is; opens it if it is not in memory.
  ///
  /// - Throws: `EmbeddingServiceError.modelNotLoadable`.
  public func model(of file: ModelFile) async throws -> OpenedModel {
    let pool = pool(of: file)
    let model = try await forgetting(pool) { try await pool.model() }
    makeRoom(for: pool)
    return model
  }

  /// The models in memory, the one used last first, with the bytes that each takes and when it was used.
  public var loaded: [(file: ModelFile, byteCount: Int, usedAt: ContinuousClock.Instant)] {
    state.withLock { $0.models }.reversed().map { ($0.file, $0.pool.byteCount, $0.usedAt) }
  }

  /// Whether the model is in memory; nothing is loaded.
  public func isLoaded(_ file: ModelFile) -> Bool {
    state.withLock { $0.models.contains { $0.file == file } }
  }
}

// MARK: - Queue

extension EmbeddingService {
  private func enterQueue(_ count: Int, _ byteCount: Int) throws(EmbeddingServiceError) {
    let refusal: EmbeddingServiceError? = state.withLock { state in
      let seconds = min(120, max(1, Double(state.waiting) * state.secondsPerPicture))
      if state.waiting + count > limits.pictures {
        return .queueFull(limit: limits.pictures, seconds: seconds)
      }
      if state.waitingByteCount + byteCount > limits.byteCount {
        return .queueHoldsTooManyBytes(limit: limits.byteCount, seconds: seconds)
      }
      state.waiting += count
      state.waitingByteCount += byteCount
      return nil
    }
    if let refusal { throw refusal }
  }

  private func leaveQueue(_ count: Int, _ byteCount: Int) {
    state.withLock { state in
      state.waiting -= count
      state.waitingByteCount -= byteCount
    }
  }

  private func check(
    _ options: EmbeddingOptions, _ model: OpenedModel
  ) throws(EmbeddingServiceError) {
    if let required = options.requiredFingerprint, required != model.fingerprint {
      throw .fingerprintMismatch(required: required, actual: model.fingerprint)
    }
    if let asked = options.dimensions, !(1...model.dimension).contains(asked) {
      throw .dimensionsOutOfRange(asked: asked, largest: model.dimension)
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
  private func pool(of file: ModelFile) -> EncoderPool {
    state.withLock { state in
      if let index = state.models.firstIndex(where: { $0.file == file }) {
        var model = state.models.remove(at: index)
        model.usedAt = .now
        state.models.append(model)
        return model.pool
      }
      let pool = EncoderPool(file: file, loader: loader, count: workerCount, budget: budget)
      state.models.append((file, pool, .now))
      if state.models.count > limits.models { state.models.removeFirst() }
      return pool
    }
  }

  /// Lets the models used longest ago go until the rest is within the budget; never the one that was just asked.
  private func makeRoom(for pool: EncoderPool) {
    state.withLock { state in
      var byteCount = state.models.reduce(0) { $0 + $1.pool.byteCount }
      while byteCount > limits.modelByteCount,
        let oldest = state.models.firstIndex(where: { $0.pool !== pool })
      {
        byteCount -= state.models.remove(at: oldest).pool.byteCount
      }
    }
  }

  /// Forgets a model that cannot be opened or compiled, so that the next request tries again.
  private func forgetting<Value: Sendable>(
    _ pool: EncoderPool, _ body: () async throws -> Value
  ) async throws -> Value {
    do {
      return try await body()
    } catch EmbeddingServiceError.modelNotLoadable(let name, let reason) {
      state.withLock { state in state.models.removeAll { $0.pool === pool } }
      throw EmbeddingServiceError.modelNotLoadable(name: name, reason: reason)
    }
  }
}

// MARK: - Vectors

/// The vectors, empty for pictures that failed, and why those did.
private func divided(
  _ pictures: [EmbeddedPicture]
) -> (vectors: [[Float]], failures: [Int: ImageError]) {
  var vectors: [[Float]] = []
  var failures: [Int: ImageError] = [:]
  for (index, picture) in pictures.enumerated() {
    switch picture.vector {
    case .success(let vector): vectors.append(vector)
    case .failure(let error):
      vectors.append([])
      failures[index] = error
    }
  }
  return (vectors, failures)
}

private func finished(
  _ vectors: [[Float]], _ options: EmbeddingOptions
) throws(EmbeddingServiceError) -> [[Float]] {
  var result: [[Float]] = []
  for (index, vector) in vectors.enumerated() {
    guard vector.allSatisfy(\.isFinite) else { throw .notFinite(index: index) }
    let kept = Array(vector.prefix(options.dimensions ?? vector.count))
    let isScaled = options.normalize && !kept.isEmpty
    result.append(isScaled ? l2Normalized(kept, dimension: kept.count) : kept)
  }
  return result
}
