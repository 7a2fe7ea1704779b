import Checkpoints
import DatasetLibrary
import Durability
import EmbeddingService
import Encoders
import Foundation
import HTTP
import JSONTree
import NeuralNetworks
import Recipes
import Runs
import Training

/// What `POST /v1/runs` asks for, resolved.
private struct RunOrder {
  var submission: RunSubmission
  var dataset: DatasetRecord
  var warnings: [String]
  var validateOnly: Bool
}

extension RunHandlers {
  /// Members of the request that are not the recipe's.
  private static let ownFields: Set<String> = [
    "dataset", "name", "metadata", "validate_only", "allow_swap", "resources", "init_from",
  ]

  func create(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let object = try await request.jsonObject(limit: 256 << 10)
    let digest = SHA256.hexDigest(of: JSONValue.object(object).encoded)
    let key = try request.idempotencyKey()
    let isPlan = object["validate_only"]?.boolValue == true
    // Before anything is measured: a client that tries again under its key is answered at once.
    if let key, !isPlan, let earlier = try await runs.earlierReply(key: key, bodyDigest: digest) {
      return created(earlier)
    }
    var order = try await self.order(object)
    if order.validateOnly { return json(try await plan(order)) }
    try await quota.require(
      order.submission.recipe.estimate(imagesPerSecond: nil).diskBytes, for: request.caller)
    order.submission.owner = request.caller
    order.submission.idempotency = key.map { ($0, digest) }
    // Under a known key this is the first reply again.
    return created(try await runs.create(order.submission).record)
  }

  private func created(_ record: RunRecord) -> Response {
    json(record.json(), status: 201, location: "/v1/runs/\(record.run.id)")
  }

  private func order(_ object: JSONObject) async throws -> RunOrder {
    var fields = FieldReader(object)
    let dataset = dataset(&fields)
    let name = fields.string("name", limit: 200)
    let metadata = fields.metadata("metadata")
    let resources = fields.object("resources") { fields in
      RunResources(
        threads: fields.integer("threads", in: RunResourceLimits.threads),
        memoryBytes: fields.integer("memory_bytes", in: RunResourceLimits.memoryBytes),
        niceness: fields.integer("niceness", in: RunResourceLimits.niceness))
    }
    let validateOnly = fields.boolean("validate_only") ?? false
    let allowsSwap = fields.boolean("allow_swap") ?? false
    let initial = try await initialModel(&fields)
    var request = try recipeRequest(object, &fields)
    if let encoder = initial?.encoder { request?.adopt(encoder) }
    guard let dataset, let request else { throw APIError.invalid(fields.faults) }
    var resolved = try request.resolve(dataset: dataset.size, machine: machine)
    if !allowsSwap { try requireMemory(resolved.recipe) }
    if let initial { try requireFit(initial.file, resolved.recipe) }
    if resolved.recipe.minutes > 0 {
      let measured = try await runs.measure(
        resolved.recipe, dataset: dataset.id, resources: resources ?? RunResources())
      if let speed = measured.imagesPerSecond {
        resolved = try request.resolve(
          dataset: dataset.size, machine: machine, picturesPerSecond: { _ in speed })
      } else {
        resolved.warnings.append(
          "The speed could not be measured, so that the number of updates is a guess. "
            + (measured.failure ?? ""))
      }
    }
    let submission = RunSubmission(
      name: name ?? "", metadata: metadata ?? [:], dataset: dataset.id, recipe: resolved.recipe,
      resources: resources ?? RunResources(), initialModel: initial?.model)
    return RunOrder(
      submission: submission, dataset: dataset, warnings: resolved.warnings,
      validateOnly: validateOnly)
  }

  /// Refuses a run that this machine cannot hold, before a worker finds out by ending.
  ///
  /// - Throws: `APIError` 422 with both numbers.
  private func requireMemory(_ recipe: Recipe) throws(APIError) {
    let needed = recipe.trainingByteCount
    guard needed > machine.memoryByteCount else { return }
    let detail = """
      An update needs about \(needed >> 20) MiB of memory, and the machine has \(machine.memoryByteCount >> 20) MiB. \
      Use a smaller batch_size, image_size or width, or say "allow_swap": true.
      """
    throw APIError(
      .memoryInsufficient, detail,
      faults: ["batch_size", "image_size", "width"].map { name in
        .field(name, ProblemCode.memoryInsufficient.rawValue, "A smaller one needs less memory.")
      })
  }

  /// The model that `init_from` names; nil where it is absent, or names none, which is then a fault.
  private func initialModel(
    _ fields: inout FieldReader
  ) async throws -> (model: InitialModel, file: Safetensors, encoder: EncoderConfiguration)? {
    guard let name = fields.string("init_from", limit: 300) else { return nil }
    do {
      let entry = try await catalog.model(name)
      let model = InitialModel(name: entry.file.name, path: entry.file.path)
      let file = try Safetensors(reading: model.path)
      return (model, file, try EncoderModel(file).encoder)
    } catch let error as APIError {
      fields.fault("init_from", "unknown_value", error.detail)
    } catch {
      fields.fault("init_from", "unknown_value", "\(error)")
    }
    return nil
  }

  /// - Throws: `APIError` 422 where the recipe's encoder is not the model's.
  private func requireFit(_ file: Safetensors, _ recipe: Recipe) throws(APIError) {
    do throws(InitialWeightsError) {
      _ = try InitialWeights(file, for: recipe)
    } catch {
      throw APIError.invalid([
        .field("init_from", FieldProblem.Code.conflict.rawValue, "\(error)")
      ])
    }
  }

  private func dataset(_ fields: inout FieldReader) -> DatasetRecord? {
    guard let id = fields.string("dataset", limit: 100) else {
      if !fields.faults.contains(where: { $0.field == "dataset" }) {
        fields.fault("dataset", "missing", "It must be the id of a dataset.")
      }
      return nil
    }
    guard let record = try? library.record(id) else {
      fields.fault("dataset", "unknown_value", "There is no dataset \(clipped(id)).")
      return nil
    }
    return record
  }

  /// The recipe's part; its problems join those of the other fields.
  private func recipeRequest(
    _ object: JSONObject, _ fields: inout FieldReader
  ) throws(APIError) -> RecipeRequest? {
    do throws(RecipeProblems) {
      let request = try RecipeRequest(reading: object, besides: Self.ownFields)
      return fields.faults.isEmpty ? request : nil
    } catch {
      for fault in faults(of: error) { fields.add(fault) }
      return nil
    }
  }

  /// What the run would need. Its speed is measured now, in another process, on the dataset's pictures.
  private func plan(_ order: RunOrder) async throws -> JSONValue {
    let (recipe, submission) = (order.submission.recipe, order.submission)
    var warnings = order.warnings
    let measured = try await runs.measure(
      recipe, dataset: order.dataset.id, resources: submission.resources)
    if let failure = measured.failure { warnings.append(failure) }
    if measured.otherRuns > 0 {
      warnings.append("It was measured beside a run that trains: alone it is faster.")
    }
    let estimate = recipe.estimate(imagesPerSecond: measured.imagesPerSecond)
    if let room = freeByteCount, estimate.diskBytes > room {
      warnings.append("The disk has room for \(room) bytes, and the run needs more.")
    }
    return [
      "object": "run_plan", "dataset": .string(order.dataset.id), "recipe": recipe.json,
      "resources": submission.resources.json, "pictures": whole(recipe.pictures),
      "steps": whole(recipe.totalSteps), "steps_per_epoch": whole(recipe.stepsPerEpoch),
      "dimension": whole(recipe.embeddingDimension),
      "parameters": whole(estimate.parameters),
      "images_per_second": number(estimate.imagesPerSecond),
      "seconds": number(estimate.seconds),
      "memory_bytes": whole(measured.memoryBytes ?? estimate.memoryBytes),
      "disk_bytes": whole(estimate.diskBytes),
      "warnings": .array(warnings.map(JSONValue.string)),
    ]
  }

  /// Bytes that the data folder's disk has room for.
  private var freeByteCount: Int? {
    let attributes = try? FileManager.default.attributesOfFileSystem(forPath: library.directory)
    return (attributes?[.systemFreeSize] as? NSNumber)?.intValue
  }
}
