import Images
import Synchronization

/// One model in memory: a queue of pictures, and some workers that compute the same bits.
///
/// The file is opened once, by the first worker. A worker compiles its encoder at its first picture, and the first idle
/// worker takes the next picture, so a model that is asked for one picture at a time is compiled once.
final class EncoderPool: Sendable {
  /// A picture that no worker has taken yet.
  struct Waiting: Sendable {
    var id: UInt64
    var picture: [UInt8]
    var limits: ImageLimits
    var reply: CheckedContinuation<EmbeddedPicture, any Error>
  }

  private struct State {
    var waiting: [Waiting] = []
    var isIdle: [Bool]
    var nextID: UInt64 = 0
    var model: OpenedModel?
    var compiledByteCount = 0
  }

  private let workers: [EncoderWorker]
  private let state: Mutex<State>

  /// A pool that has opened nothing yet.
  init(file: ModelFile, loader: EncoderLoader, count: Int, budget: DecodingBudget) {
    precondition(count > 0, "\(count) workers")
    workers = (0..<count).map {
      EncoderWorker(index: $0, file: file, loader: loader, budget: budget)
    }
    state = Mutex(State(isIdle: Array(repeating: true, count: count)))
  }

  /// The memory of the weights and of the workers' encoders that are compiled, in bytes.
  var byteCount: Int { state.withLock { ($0.model?.weightByteCount ?? 0) + $0.compiledByteCount } }

  /// Counts an encoder that a worker has compiled.
  func compiled(_ byteCount: Int) { state.withLock { $0.compiledByteCount += byteCount } }

  /// What the model is; opens it at the first call, and waits for nobody's pictures later.
  ///
  /// - Throws: `EmbeddingServiceError.modelNotLoadable`.
  func model() async throws(EmbeddingServiceError) -> OpenedModel {
    if let model = state.withLock({ $0.model }) { return model }
    let model = try await workers[0].open()
    state.withLock { $0.model = model }
    return model
  }

  /// The representations of some pictures, in order. Where the caller's task is cancelled, pictures that no worker has
  /// taken leave the queue at once, with their bytes, and are never computed.
  ///
  /// - Throws: `EmbeddingServiceError`; `CancellationError`; whatever the encoder throws.
  func embed(
    _ pictures: [[UInt8]], limits: ImageLimits, with model: OpenedModel
  ) async throws -> [EmbeddedPicture] {
    if pictures.count == 1 { return [try await embed(pictures[0], limits, model)] }
    return try await withThrowingTaskGroup { group in
      for (index, picture) in pictures.enumerated() {
        group.addTask { (index, try await self.embed(picture, limits, model)) }
      }
      var results: [EmbeddedPicture?] = Array(repeating: nil, count: pictures.count)
      for try await (index, result) in group { results[index] = result }
      return results.compactMap { $0 }
    }
  }

  /// The next picture for a worker; nil where none waits, and the worker counts as idle from then on.
  func next(for worker: Int) -> Waiting? {
    state.withLock { state in
      guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
      state.isIdle[worker] = true
      return nil
    }
  }
}

// MARK: - One picture

extension EncoderPool {
  private func embed(
    _ picture: [UInt8], _ limits: ImageLimits, _ model: OpenedModel
  ) async throws -> EmbeddedPicture {
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { reply in
        enqueue(Waiting(id: id, picture: picture, limits: limits, reply: reply), model)
      }
    } onCancel: {
      take(id)?.reply.resume(throwing: CancellationError())
    }
  }

  private func enqueue(_ waiting: Waiting, _ model: OpenedModel) {
    // The task is marked as cancelled before its handler runs. So a handler that ran before this lock was taken, and
    // found nothing, is seen by the check, and one that runs later finds the picture: it cannot stay in the queue unread.
    let (isRefused, idle) = state.withLock { state in
      if Task.isCancelled { return (true, Int?.none) }
      state.waiting.append(waiting)
      let idle = state.isIdle.firstIndex(of: true)
      if let idle { state.isIdle[idle] = false }
      return (false, idle)
    }
    if isRefused { return waiting.reply.resume(throwing: CancellationError()) }
    guard let idle else { return }
    // Not a child of the caller's task: the worker goes on with other callers' pictures.
    Task { await workers[idle].work(for: self, with: model) }
  }

  /// Takes a picture out of the queue, if no worker has it.
  private func take(_ id: UInt64) -> Waiting? {
    state.withLock { state in
      state.waiting.firstIndex { $0.id == id }.map { state.waiting.remove(at: $0) }
    }
  }
}
