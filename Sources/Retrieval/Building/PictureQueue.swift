import EmbeddingService
import Images
import Tensors
import Threads

/// What became of a picture of a source.
struct PictureOutcome: Sendable {
  var picture: SourcePicture
  /// The vector of length 1 and the hash of the picture's bytes, or why there is none.
  var result: Result<(vector: [Float], content: ContentHash, isReused: Bool), UnreadablePicture>
}

/// Pictures on their way to threads that embed them, and what became of each, in the order in which they were given.
final class PictureQueue: Sendable {
  private struct State {
    var waiting: [(number: Int, picture: SourcePicture)] = []
    var given = 0
    var taken = 0
    var hasEnded = false
    var outcomes: [Int: PictureOutcome] = [:]
    var failure: IndexError?
  }

  private let state = Monitor(State())

  /// Pictures that were given and whose outcome was not taken.
  var underWay: Int { state.withLock { $0.given - $0.taken } }

  /// Puts a picture behind the others.
  func give(_ picture: SourcePicture) {
    state.withLock { state in
      state.waiting.append((state.given, picture))
      state.given += 1
    }
  }

  /// Waits for the outcome of the picture that was given first of those whose outcome was not taken; there must be one.
  ///
  /// - Throws: what the encoder threw.
  func takeOutcome() throws(IndexError) -> PictureOutcome? {
    let next: Result<PictureOutcome?, IndexError> = state.wait {
      $0.outcomes[$0.taken] != nil || $0.failure != nil
    } then: { state in
      if let failure = state.failure { return .failure(failure) }
      defer { state.taken += 1 }
      return .success(state.outcomes.removeValue(forKey: state.taken))
    }
    return try next.get()
  }

  /// Lets the threads end with the pictures that they are at.
  func stop() { state.withLock { $0.hasEnded = true } }

  /// One thread's work.
  func work(_ model: OpenedModel, _ known: VectorsByPicture) {
    do {
      let encoder = try model.makeEncoder()
      while let (number, picture) = take() {
        let outcome = PictureOutcome(
          picture: picture, result: try embed(picture, encoder, known))
        state.withLock { $0.outcomes[number] = outcome }
      }
    } catch {
      state.withLock { $0.failure = $0.failure ?? .model("\(error)") }
    }
  }

  private func take() -> (number: Int, picture: SourcePicture)? {
    state.wait {
      $0.hasEnded || !$0.waiting.isEmpty
    } then: {
      $0.hasEnded ? nil : $0.waiting.removeFirst()
    }
  }

  private func embed(
    _ picture: SourcePicture, _ encoder: any PictureEncoder, _ known: VectorsByPicture
  ) throws -> Result<(vector: [Float], content: ContentHash, isReused: Bool), UnreadablePicture> {
    do {
      let (image, content) = try picture.load()
      if let vector = known[content] { return .success((vector, content, true)) }
      let vector = try encoder.embed(image)
      guard vector.allSatisfy(\.isFinite) else {
        return .failure(
          UnreadablePicture(code: "not_finite", detail: "The model gives no finite vector for it."))
      }
      return .success((l2Normalized(vector, dimension: vector.count), content, false))
    } catch let error as UnreadablePicture {
      return .failure(error)
    } catch let error as ImageError {
      return .failure(UnreadablePicture(code: error.code.rawValue, detail: error.detail))
    }
  }
}
