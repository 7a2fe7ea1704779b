import Images
import Synchronization

/// One model in memory: some workers that compute the same bits. A worker opens the file at its first picture,
/// so a model that is asked for one picture at a time is in memory once.
final class EncoderWorkers: Sendable {
  private struct State {
    /// Pictures that each worker has been given and not ended.
    var pending: [Int]
    var facts: EncoderFacts?
  }

  private let workers: [LoadedEncoder]
  private let state: Mutex<State>

  /// Workers that have opened nothing yet.
  init(source: EncoderSource, loader: EncoderLoader, count: Int) {
    precondition(count > 0, "\(count) workers")
    workers = (0..<count).map { _ in LoadedEncoder(source: source, loader: loader) }
    state = Mutex(State(pending: Array(repeating: 0, count: count)))
  }

  /// What the model is; opens it at the first call, and waits for nobody's pictures later.
  ///
  /// - Throws: `EmbeddingServiceError.modelNotLoadable`.
  func facts() async throws(EmbeddingServiceError) -> EncoderFacts {
    if let facts = state.withLock({ $0.facts }) { return facts }
    let facts = try await workers[0].facts()
    state.withLock { $0.facts = facts }
    return facts
  }

  /// The representations of some pictures, in order.
  ///
  /// - Throws: `EmbeddingServiceError`; whatever the encoder throws.
  func embed(_ pictures: [[UInt8]], limits: ImageLimits) async throws -> [EmbeddedPicture] {
    if pictures.count == 1 { return [try await embed(pictures[0], limits: limits)] }
    return try await withThrowingTaskGroup { group in
      for (index, picture) in pictures.enumerated() {
        group.addTask { (index, try await self.embed(picture, limits: limits)) }
      }
      var results: [EmbeddedPicture?] = Array(repeating: nil, count: pictures.count)
      for try await (index, result) in group { results[index] = result }
      return results.compactMap { $0 }
    }
  }

  /// One picture on the worker that has the fewest; the first of several, so that others may stay unopened.
  private func embed(_ picture: [UInt8], limits: ImageLimits) async throws -> EmbeddedPicture {
    let worker = state.withLock { state in
      let least = state.pending.min() ?? 0
      let worker = state.pending.firstIndex(of: least) ?? 0
      state.pending[worker] += 1
      return worker
    }
    defer { state.withLock { $0.pending[worker] -= 1 } }
    return try await workers[worker].embed(picture, limits: limits)
  }
}
