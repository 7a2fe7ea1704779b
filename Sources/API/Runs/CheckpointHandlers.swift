import Checkpoints
import Foundation
import HTTP
import Identifiers
import JSONTree
import Runs

extension RunControl {
  /// The checkpoints of a run on disk.
  func checkpoints(of id: Identifier) -> CheckpointFolder {
    CheckpointFolder(directory: directory(of: id) + "/checkpoints")
  }
}

/// `/v1/runs/{id}/checkpoints`
struct CheckpointHandlers: Sendable {
  let runs: any RunControl
  let digests: FileDigests
  let onnx: ONNXFiles

  /// The files that a checkpoint has, or has once they were asked for. Before the first update there is a state to go on
  /// from, and no model: its weights are random.
  private static func files(step: Int) -> [String] {
    step == 0
      ? [CheckpointFolder.stateFileName]
      : [CheckpointFolder.modelFileName, CheckpointFolder.stateFileName] + ONNXFiles.names
  }

  func list(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let id = try request.runID()
    _ = try await runs.record(id)
    let folder = runs.checkpoints(of: id)
    let data = try folder.steps().reversed().map { step in
      checkpoint(id, step, in: folder.path(step: step))
    }
    return request.conditionalJSON(["object": "list", "data": .array(data)])
  }

  private func checkpoint(_ id: Identifier, _ step: Int, in path: String) -> JSONValue {
    let manager = FileManager.default
    let files: [JSONValue] = Self.files(step: step).compactMap { name in
      guard let attributes = try? manager.attributesOfItem(atPath: path + "/" + name),
        let size = attributes[.size] as? NSNumber
      else { return nil }
      return ["name": .string(name), "size_bytes": .integer(size.int64Value)]
    }
    let date = (try? manager.attributesOfItem(atPath: path))?[.modificationDate] as? Date
    let time = date.map { Timestamp(milliseconds: Int64($0.timeIntervalSince1970 * 1000)) }
    return [
      "object": "checkpoint", "run": .string(id.description), "step": .integer(Int64(step)),
      "created_at": time.map { .string($0.description) } ?? .null,
      "model": step == 0 ? .null : .string("\(id)@\(step)"), "files": .array(files),
    ]
  }

  func get(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let id = try request.runID()
    _ = try await runs.record(id)
    let text = request.pathParameters["step"] ?? ""
    let folder = runs.checkpoints(of: id)
    guard let step = Self.step(text), try folder.steps().contains(step) else {
      throw APIError.notFound("checkpoint", text)
    }
    return request.conditionalJSON(checkpoint(id, step, in: folder.path(step: step)))
  }

  /// A step as it is written in addresses and names of folders.
  private static func step(_ text: String) -> Int? {
    Int(text).flatMap { String($0) == text && $0 >= 0 ? $0 : nil }
  }

  func file(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let id = try request.runID()
    _ = try await runs.record(id)
    let (step, name) = (request.pathParameters["step"] ?? "", request.pathParameters["file"] ?? "")
    guard let number = Self.step(step), Self.files(step: number).contains(name)
    else { throw APIError.notFound("file", "\(step)/\(name)") }
    let folder = runs.checkpoints(of: id).path(step: number)
    let file: OpenFile
    do {
      file =
        ONNXFiles.names.contains(name)
        ? try await onnx.file(name, of: "\(id)@\(number)", inCheckpoint: folder)
        : try OpenFile(path: folder + "/" + name)
    } catch let error as HTTPError where error.status == 404 {
      throw APIError.notFound("file", "\(step)/\(name)")
    }
    return try Response.file(
      file, contentType: "application/octet-stream", for: request,
      etag: "\"\(try await digests.digest(of: file))\"")
  }
}
