import Identifiers
public import Logging
import NeuralNetworks
import Recipes
public import Runs
import Training

/// The lines that somebody looks for in the service's log: one for each thing that happens to a run or a dataset.
public struct ServiceLog: Sendable {
  private let logger: Logger

  /// Lines for a logger.
  public init(_ logger: Logger) { self.logger = logger }

  /// Writes what happened to a run. Checkpoints come at `debug`, since there may be many; what needs attention comes at
  /// `warning`.
  public func write(_ event: RunEvent, of run: Run) {
    var metadata: Logger.Metadata = ["run": "\(run.id)"]
    if let step = event.step { metadata["step"] = "\(step)" }
    if let code = event.reason?.code { metadata["code"] = "\(code)" }
    logger.log(level: level(event), "\(oneLine(sentence(event, run)))", metadata: metadata)
  }

  private func level(_ event: RunEvent) -> Logger.Level {
    switch event.kind {
    case "checkpoint": .debug
    case "worker_exited", "metrics": .warning
    case "state": event.state == .failed ? .warning : .info
    case "health": event.reason?.code == "healthy" ? .info : .warning
    default: .info
    }
  }

  private func sentence(_ event: RunEvent, _ run: Run) -> String {
    let name = "Run \(run.shownName)"
    let detail = event.reason.map { ": \($0.detail)" } ?? "."
    switch event.kind {
    case "created":
      let recipe = run.recipe
      return
        "\(name) was created: \(recipe.epochs) epochs of dataset \(run.dataset), \(recipe.totalSteps) updates."
    case "state":
      // Participles that are no verbs: "is succeeded" is no English.
      let isOver = event.state == .succeeded || event.state == .failed
      return "\(name) \(isOver ? "has" : "is") \(event.state.rawValue)\(detail)"
    case "worker_started": return "\(name) trains from update \(event.step ?? 0) on\(detail)"
    case "worker_exited": return "\(name) lost its worker\(detail)"
    case "checkpoint": return "\(name) has a checkpoint at update \(event.step ?? 0)."
    case "health": return "\(name) is judged \(event.reason?.code ?? "")\(detail)"
    case "metrics": return "\(name) reports what is not kept\(detail)"
    default: return "\(name) had an event \(event.kind)\(detail)"
    }
  }

  /// Writes that a dataset was admitted.
  func writeAdmission(_ id: String, name: String, pictures: Int, rejected: Int?) {
    let refused = rejected.map { ", \($0) rejected" } ?? ""
    logger.info(
      "\(oneLine("Dataset \(name) was admitted: \(pictures) pictures\(refused)."))",
      metadata: ["dataset": "\(id)"])
  }

  /// Writes that something was removed.
  func writeRemoval(_ path: String) { logger.info("\(oneLine("\(path) was deleted."))") }

  /// Writes that a request to change something was refused.
  func writeRefusal(_ what: String, status: Int, code: String, detail: String, request: String) {
    logger.info(
      "\(oneLine("\(what) was refused: \(detail)"))",
      metadata: ["status": "\(status)", "code": "\(code)", "request": "\(request)"])
  }

  /// A line, whatever clients put into names.
  private func oneLine(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
  }
}
