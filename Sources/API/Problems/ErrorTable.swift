import DatasetLibrary
import Durability
import EmbeddingService
import HTTP
import Identifiers
import Images
import JSONTree
import ModelLibrary
import Recipes
import Retrieval
import Runs

/// Every error that a handler can meet, as the problem that the client reads: the one place where
/// an error becomes a status. What is not in the table is a fault of ours and says nothing to the client.
func problem(for error: any Error) -> APIError? {
  switch error {
  case let error as APIError: error
  case let error as RunControlError: runProblem(error)
  case let error as EvaluationControlError: evaluationProblem(error)
  case let error as IndexLibraryError: indexProblem(error)
  case let error as IndexError: indexProblem(error)
  case let error as SearchQueueFull:
    APIError(.tooManyRequests, "\(error.limit) searches are waiting already.", retryAfter: 1)
  case let error as FileSystemError: storageProblem(error)
  case let error as RecipeProblems: recipeProblem(error)
  case let error as EmbeddingServiceError: embeddingProblem(error)
  case let error as DatasetLibraryError: datasetProblem(error)
  case let error as ModelLibraryError: modelProblem(error)
  case let error as ImageError: imageProblem([0: error])
  default: nil
  }
}

private func runProblem(_ error: RunControlError) -> APIError {
  switch error {
  case .notFound(let id): .notFound("run", id.description)
  case .conflict(_, let state, let detail): APIError(conflictCode(state), detail)
  case .versionMismatch:
    APIError(.preconditionFailed, "The run has changed since the ETag in If-Match.")
  case .idempotencyConflict: keyConflict
  case .notWritable:
    APIError(.storageNotWritable, "The data folder cannot be written; nothing was changed.")
  case .queueFull(let limit):
    APIError(.tooManyRequests, "\(limit) runs are waiting already.", retryAfter: 120)
  case .diskFull: APIError(.diskFull, "The disk of the data folder is full; nothing was changed.")
  case .shuttingDown: APIError(.draining, "The service is shutting down.", retryAfter: 10)
  case .trainingTimeUsedUp(let allowance): APIError(.quotaExceeded, allowance.sentence)
  case .folderInUse: APIError(.internalError, "Another service uses the same data folder.")
  }
}

private func evaluationProblem(_ error: EvaluationControlError) -> APIError {
  switch error {
  case .modelRemoved: APIError(.notFound, "The model, or its run, has been removed meanwhile.")
  case .notFound(let id): .notFound("evaluation", id.description)
  case .queueFull(let limit):
    APIError(.tooManyRequests, "\(limit) evaluations are waiting already.", retryAfter: 120)
  case .shuttingDown: APIError(.draining, "The service is shutting down.", retryAfter: 10)
  }
}

private func indexProblem(_ error: IndexLibraryError) -> APIError {
  switch error {
  case .notFound(let id): .notFound("index", id)
  case .notReady(let id, let state):
    APIError(
      .indexNotReady,
      state.isOver
        ? "The index \(id) has \(state.rawValue == "failed" ? "failed" : "been cancelled"); make another one."
        : "The index \(id) is \(state.rawValue); it can be searched when it is whole.")
  case .queueFull(let limit):
    APIError(.tooManyRequests, "\(limit) indexes are waiting already.", retryAfter: 120)
  case .shuttingDown: APIError(.draining, "The service is shutting down.", retryAfter: 10)
  }
}

/// nil for a fault of ours, such as an index whose files are damaged.
private func indexProblem(_ error: IndexError) -> APIError? {
  switch error {
  case .otherDimension, .noDirection:
    .invalid([.field("vector", "out_of_range", error.description)])
  case .files(let error): storageProblem(error)
  default: nil
  }
}

/// nil for a fault of ours.
private func storageProblem(_ error: FileSystemError) -> APIError? {
  if error.isDiskFull {
    return APIError(.diskFull, "The disk of the data folder is full; nothing was changed.")
  }
  guard error.isNotWritable else { return nil }
  return APIError(.storageNotWritable, "The data folder cannot be written; nothing was changed.")
}

private let keyConflict = APIError(
  .idempotencyConflict, "The Idempotency-Key was used with another body.")

/// A conflict by the state that caused it; handlers narrow it down to what was asked.
private func conflictCode(_ state: RunState) -> ProblemCode {
  switch state {
  case .queued, .running, .stopping, .interrupted: .runActive
  case .succeeded: .runNotStartable
  case .stopped, .failed: .runNotStoppable
  }
}

private func recipeProblem(_ error: RecipeProblems) -> APIError {
  var result = APIError.invalid(faults(of: error))
  if error.problems.contains(where: { $0.code == .tooFewPictures }) {
    result.code = .datasetTooSmall
  }
  return result
}

/// A recipe's problems in the client's words.
func faults(of error: RecipeProblems) -> [APIError.Fault] {
  error.problems.map { problem in
    let given = problem.value == .null ? "" : "\(clippedJSON(problem.value)) was given; "
    return .field(problem.field, problem.code.rawValue, "\(given)allowed: \(problem.allowed).")
  }
}

private func embeddingProblem(_ error: EmbeddingServiceError) -> APIError {
  switch error {
  case .queueFull(let limit, let seconds):
    APIError(
      .tooManyRequests, "\(limit) pictures are waiting already.",
      retryAfter: Int(seconds.rounded(.up)))
  case .queueHoldsTooManyBytes(let limit, let seconds):
    APIError(
      .tooManyRequests, "Pictures of \(limit) bytes are waiting already.",
      retryAfter: Int(seconds.rounded(.up)))
  case .modelNotLoadable(let name, _):
    APIError(.modelNotLoadable, "The model \(name) cannot be loaded; the log says why.")
  case .fingerprintMismatch(let required, let actual):
    APIError(
      .fingerprintMismatch, "The model's fingerprint is \(actual), not \(clipped(required)).")
  case .dimensionsOutOfRange(let asked, let largest):
    .invalid([.field("dimensions", "out_of_range", "\(asked) is not within 1…\(largest).")])
  case .notDecodable(let failures): imageProblem(failures)
  case .notFinite(let index):
    APIError(
      .internalError, "The model gave numbers that are not finite for picture \(index).")
  }
}

/// nil for a fault of ours.
private func modelProblem(_ error: ModelLibraryError) -> APIError? {
  switch error {
  case .damaged: nil
  case .notFound(let name): .notFound("model", name)
  case .notAName(let text):
    .invalid([
      .field(
        "name", "out_of_range",
        "\(clipped(text)) cannot be an alias: 1…\(ModelAlias.nameLength) letters, digits, dots, dashes and underscores, the first a letter or "
          + "a digit; no id, and none of \(ModelAlias.reserved.joined(separator: ", ")).")
    ])
  case .tooLarge(let limit):
    APIError(.payloadTooLarge, "A model file has at most \(limit) bytes.")
  case .tooMany(let word, let limit):
    APIError(.modelRejected, "There are \(limit) \(word) already, the most allowed; remove one.")
  case .rejected(let detail, let tensors):
    APIError(
      .modelRejected, detail,
      faults: tensors.prefix(100).map { .field($0.tensor, $0.code, $0.detail) })
  case .inUse(_, let aliases):
    APIError(
      .modelInUse,
      "It is named by \(aliases.joined(separator: ", ")); take these aliases away first.")
  case .changed(let name):
    APIError(
      .preconditionFailed,
      "The alias \(clipped(name)) is not what If-Match or If-None-Match asks for.")
  }
}

private func datasetProblem(_ error: DatasetLibraryError) -> APIError {
  switch error {
  case .notFound(let id): .notFound("dataset", id)
  case .noSuchImage(let id, let index, let count):
    APIError(.notFound, "The dataset \(id) has the pictures 0…\(count - 1), not \(index).")
  case .noSuchLabel(let label):
    APIError.parameter("label", "No picture of the dataset has the label \(clipped(label)).")
  case .notReady(let id):
    APIError(.datasetNotReady, "The dataset \(id) is still being admitted.")
  case .inUse(let id):
    APIError(
      .datasetInUse, "A run, an evaluation or an index that is not over reads the dataset \(id).")
  case .pathNotAllowed(let path):
    APIError(
      .pathNotAllowed, "\(clipped(path)) is not under a folder that the operator allowed.",
      faults: [.field("path", "path_not_allowed", "Not under an allowed folder.")])
  case .unknownFormat:
    APIError(.unsupportedMediaType, "The bytes are no tar, tar.gz, tar.zst or zip archive.")
  case .tooLarge(let limit):
    APIError(.payloadTooLarge, "The archive is longer than the \(limit) bytes allowed.")
  case .quotaExceeded(let owner, let limit):
    APIError(
      .quotaExceeded,
      "All datasets of the key \(owner) may take \(limit) bytes, besides its runs: remove some of its own."
    )
  case .empty: APIError(.datasetRejected, "The body is empty.")
  case .rejected(let detail): APIError(.datasetRejected, detail)
  case .diskFull: APIError(.diskFull, "The disk of the data folder is full; nothing was kept.")
  case .idempotencyConflict: keyConflict
  case .busy:
    APIError(.tooManyRequests, "Other datasets are being admitted.", retryAfter: 10)
  }
}

/// 422 for pictures that do not decode.
private func imageProblem(_ failures: [Int: ImageError]) -> APIError {
  let ordered = failures.sorted { $0.key < $1.key }
  let faults = ordered.map { index, error in
    APIError.Fault(field: nil, index: index, code: error.code.rawValue, detail: error.detail)
  }
  let first = ordered.first.map { "Picture \($0.key): \($0.value.detail)" } ?? ""
  return APIError(.imageNotDecodable, first, faults: faults)
}
