import Checkpoints
import Durability
import Encoders
import Evaluation
import Foundation
import Metrics
import Recipes
import Tensors
import Testing

@testable import Training

/// What a session does with the quality of its checkpoints: a curve, the best model, and an end where there is a collapse.
@Suite(.serialized) struct SessionQualityTests {
  private func evaluated(every checkpoints: Int = 1) throws -> TinyRun {
    let run = try TinyRun()
    run.recipe.checkpointEverySteps = 2
    run.recipe.evaluateEvery = checkpoints
    return run
  }

  /// The steps at which the figures changed, with the figures.
  private func judged(_ reports: [WorkerReport]) -> [(step: Int, recall: Double)] {
    var found: [(step: Int, recall: Double)] = []
    var before: MetricValues?
    for report in reports where report.kind == .progress {
      guard let values = report.metrics, let step = report.step else { continue }
      // Figures are told at the checkpoint itself, with the values of the update before it, and repeated afterwards.
      if let recall = values[RunFigures.viewRecall], before?["loss"] == values["loss"] {
        found.append((step, recall))
      }
      before = values
    }
    return found
  }

  @Test func `checkpoints are judged, and the best is kept and written beside them`() throws {
    let run = try evaluated()
    let reports = try run.train(updateTime: .seconds(1))
    let declared = Set(try #require(reports.first?.declared).map(\.name))
    #expect(declared.isSuperset(of: ["view_recall", "rankme", "knn_accuracy"]))
    let judged = judged(reports)
    #expect(judged.map(\.step) == [2, 4, 6, 8, 10])
    let best = try #require(run.worker().bestModel.mark)
    // The first of the greatest: a checkpoint has to be better to be the best.
    let greatest = try #require(judged.map(\.recall).max())
    #expect(best.value == greatest)
    #expect(best.step == judged.first { $0.recall == greatest }?.step)
    #expect(reports.last { $0.kind == .checkpoint }?.best == best.step)
    #expect(Set(try run.checkpoints.steps()) == Set([best.step, 8, 10]))
    let model = try EncoderModel(reading: run.path + "/best/model.safetensors")
    #expect(model.provenance["byol.step"] == String(best.step))
  }

  @Test func `figures are repeated until the next evaluation, and other values stay`() throws {
    let run = try evaluated(every: 2)
    let reports = try run.train(updateTime: .seconds(1)).filter { $0.kind == .progress }
    #expect(reports.prefix { ($0.step ?? 0) < 4 }.allSatisfy { $0.metrics?["rankme"] == nil })
    let later = reports.drop { $0.metrics?["rankme"] == nil }
    #expect(later.first?.step == 4)
    #expect(later.allSatisfy { $0.metrics?["rankme"] != nil && $0.metrics?["loss"] != nil })
    // The last checkpoint is judged whether its turn has come or not.
    #expect(judged(Array(later)).map(\.step).last == 10)
  }

  @Test func `without evaluations nothing is declared, judged or marked`() throws {
    let run = try evaluated(every: 0)
    let reports = try run.train(updateTime: .seconds(1))
    #expect(reports.first?.declared?.contains { $0.name == "view_recall" } == false)
    #expect(run.worker().bestModel.mark == nil)
    #expect(!FileManager.default.fileExists(atPath: run.path + "/best"))
  }

  @Test func `a run that goes on does not forget its best, nor learn from being judged`() throws {
    let run = try evaluated()
    try run.train(stoppingAfter: 4)
    // A mark that no later checkpoint can surpass.
    let model = try Safetensors(reading: run.worker().bestModel.path)
    try run.worker().bestModel.publish(model, .init(step: 4, value: 2))
    try run.train()
    #expect(run.worker().bestModel.mark == .init(step: 4, value: 2))
    #expect(try run.checkpoints.steps() == [4, 8, 10])
    let silent = try evaluated(every: 0)
    try silent.train()
    #expect(try run.newest.state.tensors == silent.newest.state.tensors)
  }

  @Test func `as many checkpoints are kept as the recipe says`() throws {
    let run = try evaluated(every: 0)
    run.recipe.keepCheckpoints = 4
    try run.train()
    #expect(try run.checkpoints.steps() == [4, 6, 8, 10])
  }

  @Test(arguments: [Recipe.OnCollapse.stop, .proceed])
  func `a collapse ends the run where the recipe says so`(_ choice: Recipe.OnCollapse) throws {
    let run = try TinyRun()
    run.recipe.checkpointEverySteps = 2
    // The first checkpoint is of a network whose vectors are all alike, and whose learning rate keeps it so.
    run.recipe.baseLearningRate = 1e-6
    try run.train(stoppingAfter: 2)
    var state = try run.newest.state
    for (index, array) in state.arrays.enumerated()
    where array.name.hasPrefix("online.encoder.") && array.shape.rank == 1 {
      guard var tensor = array.tensor else { continue }
      // Batch norms that make the same number of everything; their statistics do not matter then.
      let value: Float? =
        array.name.hasSuffix(".weight") ? 0 : array.name.hasSuffix(".bias") ? 1 : nil
      guard let value else { continue }
      tensor.values = tensor.values.map { _ in value }
      state.arrays[index] = CheckpointArray(tensor)
    }
    try DiskFileSystem().removeAll(run.checkpoints.path(step: 2))
    try run.checkpoints.publish(step: 2, state: state, model: state)
    run.recipe.onCollapse = choice
    if choice == .stop {
      let error = #expect(throws: TrainingError.self) { try run.train(updateTime: .seconds(6)) }
      guard case .collapsed(let step, let evidence) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(step == 3 && !evidence.isEmpty)
      #expect(try run.checkpoints.steps() == [2])
    } else {
      let reports = try run.train(updateTime: .seconds(6))
      #expect(reports.contains { $0.health?.verdict == .collapsed })
      #expect(reports.last == .finished(step: 10, outcome: .succeeded))
    }
  }
}
